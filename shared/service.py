"""Runs a service: roles in one process or several, background work restarted after a fault, a graceful shutdown.

A service's `app.py` builds a `Service`; `run` runs it. Roles: api, consumer, relay, clockwork.
"""

import asyncio
import gc
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn
from fastapi import FastAPI

from shared import failpoints
from shared.clock import Clock
from shared.telemetry import logger

ROLES = ("api", "consumer", "relay", "clockwork")
_log = logger(__name__)
_FIRST_WAIT_SECONDS, _LAST_WAIT_SECONDS, _STEADY_SECONDS = 0.5, 15.0, 60.0
_STOP_SECONDS = 10.0
"""How long background work may take to stop; containers are killed after 15 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    name: str
    app: FastAPI
    """Serves health and metrics in each role; the API's routes only in the role api."""
    host: str
    port: int
    prepare: Callable[[], Awaitable[None]]
    """Creates collections and indexes, and compares topics. Exits where an operator must correct something first."""
    close: Callable[[], Awaitable[None]]
    background: Mapping[str, Callable[[], Awaitable[None]]] = field(default_factory=dict)
    """Background work by name: runs until cancelled, and is restarted with back-off after a fault."""


class _Server(uvicorn.Server):
    """Does not raise the signal again after serving, as uvicorn does: SIGTERM would end the process before it releases
    its leases, leaves its consumer groups and ends its transactions.
    """

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        for sign in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(sign, self.handle_exit, sign, None)
        yield


def roles_of(arguments: Sequence[str]) -> frozenset[str]:
    """No argument means every role."""
    unknown = sorted(set(arguments) - set(ROLES))
    if unknown:
        raise SystemExit(f"unknown role {', '.join(unknown)}: choose from {', '.join(ROLES)}, or none for all")
    return frozenset(arguments or ROLES)


async def run(service: Service, clock: Clock) -> None:
    """Runs a service until SIGTERM or SIGINT."""
    failpoints.require_work(service.background)
    await service.prepare()
    collect_garbage_seldom()
    switch_threads_often()
    server = _Server(
        uvicorn.Config(
            service.app,
            host=service.host,
            port=service.port,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=10,
        )
    )
    stops = asyncio.Event()
    tasks = [
        asyncio.create_task(supervise(name, work, clock, stops=stops), name=name)
        for name, work in service.background.items()
    ]
    _log.info("service runs", port=service.port, work=sorted(service.background))
    try:
        await server.serve()
    except SystemExit:  # uvicorn has logged why it could not listen
        variables = f"{service.name.upper()}_HTTP_HOST, {service.name.upper()}_HTTP_PORT"
        raise SystemExit(f"cannot start: {variables}: cannot listen at {service.host}:{service.port}") from None
    finally:
        stops.set()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_STOP_SECONDS)
        await service.close()


def collect_garbage_seldom() -> None:
    """Tunes garbage collection for long-running processes: exempts the objects of the start, collects others seldom.

    With Python's default thresholds a consumer spent two fifths of its time collecting documents that it had just read.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def switch_threads_often() -> None:
    """Lets the event loop and threads of transactions wait for each other a millisecond at most, not five.

    While an import computed its rows in a thread, each of the two waited five milliseconds for its turn.
    """
    sys.setswitchinterval(0.001)


async def supervise(name: str, work: Callable[[], Awaitable[None]], clock: Clock, *, stops: asyncio.Event) -> None:
    """Runs `work` until cancelled, and restarts it after a fault, with back-off that is reset after a minute of work.

    `stops` is set before the cancellation, because `Task.cancelling()` is no sign of it: before Python 3.13 it also
    counts the cancellations of a failed `TaskGroup`.
    """
    failpoints.enter(name)
    wait = _FIRST_WAIT_SECONDS
    while True:
        began = clock.monotonic()
        try:
            await work()
        except Exception:  # noqa: BLE001 -- background work survives every fault: it is logged and the work restarted
            if stops.is_set():  # a fault of the work's clean-up replaced the cancellation
                return
            if clock.monotonic() - began > _STEADY_SECONDS:
                wait = _FIRST_WAIT_SECONDS
            _log.exception("background work failed, starting again", work=name, wait_seconds=wait)
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LAST_WAIT_SECONDS)


async def every(seconds: float, act: Callable[[], Awaitable[object]]) -> None:
    """Repeats `act` with a pause of `seconds` until cancelled."""
    while True:
        await act()
        await asyncio.sleep(seconds)
