"""Finds free TCP ports, and waits until a program answers on its port."""

import socket
import time
from contextlib import ExitStack

from deploy.stack.model import Unavailable
from deploy.stack.programs import Program

HOST = "127.0.0.1"


def free_ports(count: int) -> list[int]:
    """Holds all of them before it releases them, so that no two are the same."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [int(each.getsockname()[1]) for each in sockets]


def free_or(wanted: int) -> int:
    """The wanted port, or a free one if it is taken or 0."""
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((HOST, wanted))
        except OSError:
            return free_ports(1)[0]
        return int(attempt.getsockname()[1])


def answers(port: int) -> bool:
    with socket.socket() as attempt:
        attempt.settimeout(1)
        return attempt.connect_ex((HOST, port)) == 0


def wait_until_answers(port: int, *, program: Program, within_seconds: float = 180) -> None:
    deadline = time.monotonic() + within_seconds
    while not answers(port):
        if not program.is_running:
            raise Unavailable(
                f"{program.name} ended while starting; its last lines ({program.log}):\n{program.last_lines()}"
            )
        if time.monotonic() > deadline:
            raise Unavailable(f"{program.name} does not answer after {within_seconds:.0f} s, see {program.log}")
        time.sleep(0.05)
