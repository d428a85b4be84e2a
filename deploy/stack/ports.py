"""Finds free TCP ports, and waits until a program answers on its port."""

import random
import socket
import time
from itertools import islice

from deploy.stack.model import Unavailable
from deploy.stack.programs import Program

HOST = "127.0.0.1"
_CHOICE = range(15_000, 32_768)
"""Below the ports that Linux gives to outgoing connections: such a port may be taken before the server binds it, and a
connection to it while nobody listens may get it as its own and meet itself.
"""


def free_ports(count: int) -> list[int]:
    # Not the shared generator: test libraries seed it, and two runs beside each other would choose the same.
    candidates = random.SystemRandom().sample(_CHOICE, k=len(_CHOICE))
    return list(islice(filter(is_free, candidates), count))


def is_free(port: int) -> bool:
    with socket.socket() as attempt:
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((HOST, port))
        except OSError:  # another program listens there
            return False
        return True


def free_or(wanted: int) -> int:
    """The wanted port, or a free one if it is taken or 0."""
    return wanted if wanted and is_free(wanted) else free_ports(1)[0]


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
