"""How a service lives: roles in one process or several, background work that comes back after a fault, a clean stop.

A service's `app.py` builds a `Service`; `run` does the rest. Roles: api, consumer, relay, clockwork.
"""

import asyncio
import gc
import signal
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
"""For all work to put down what it holds; containers are killed after 15."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    name: str
    app: FastAPI
    """Health and metrics always; the API's routes only in the role api."""
    host: str
    port: int
    prepare: Callable[[], Awaitable[None]]
    """Collections, indexes, topics compared, connections opened. Raises what an operator must mend first."""
    close: Callable[[], Awaitable[None]]
    background: Mapping[str, Callable[[], Awaitable[None]]] = field(default_factory=dict)
    """By name; each runs until cancelled and is started again, with backoff, after a fault."""


class _Server(uvicorn.Server):
    """Raises no signal a second time when it has served, as uvicorn's own does: SIGTERM would end the process there,
    with its leases held, its groups not left and its transactions open.
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
    """Until SIGTERM or SIGINT."""
    await service.prepare()
    collect_garbage_seldom()
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
    work = [
        asyncio.create_task(supervise(name, once, clock, stops=stops), name=name)
        for name, once in service.background.items()
    ]
    _log.info("service runs", port=service.port, work=sorted(service.background))
    try:
        await server.serve()
    except SystemExit:  # uvicorn has logged why it could not listen
        variables = f"{service.name.upper()}_HTTP_HOST, {service.name.upper()}_HTTP_PORT"
        raise SystemExit(f"cannot start: {variables}: cannot listen at {service.host}:{service.port}") from None
    finally:
        stops.set()
        for task in work:
            task.cancel()
        if work:
            await asyncio.wait(work, timeout=_STOP_SECONDS)
        await service.close()


def collect_garbage_seldom() -> None:
    """For programs that live long and hold much: what stands at the start is never looked at again, the rest seldom.

    With Python's own thresholds a consumer spent two fifths of its time looking for cycles among documents just read.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


async def supervise(name: str, once: Callable[[], Awaitable[None]], clock: Clock, *, stops: asyncio.Event) -> None:
    """Runs `once` until cancelled; after a fault again, later each time, until it has held for a minute.

    `stops` is set before the cancellation. The task cannot be asked: before Python 3.13 `cancelling()` also counts what
    a `TaskGroup` that failed has asked for.
    """
    failpoints.enter(name)
    wait = _FIRST_WAIT_SECONDS
    while True:
        began = clock.monotonic()
        try:
            await once()
        except Exception:  # noqa: BLE001 -- the last line of defence for background work: logged, and begun again
            if stops.is_set():  # what its clean-up ran into took the cancellation's place
                return
            if clock.monotonic() - began > _STEADY_SECONDS:
                wait = _FIRST_WAIT_SECONDS
            _log.exception("background work failed, starting again", work=name, wait_seconds=wait)
            await asyncio.sleep(wait)
            wait = min(wait * 2, _LAST_WAIT_SECONDS)


async def every(seconds: float, act: Callable[[], Awaitable[object]]) -> None:
    """Acts, waits, acts again: clockwork."""
    while True:
        await act()
        await asyncio.sleep(seconds)
