"""How a service lives: roles in one process or several, background work that comes back after a fault, a clean stop.

A service's `app.py` builds a `Service`; `run` does the rest. Roles: api, consumer, relay, clockwork.
"""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

import uvicorn
from fastapi import FastAPI

from shared.clock import Clock
from shared.telemetry import logger

ROLES = ("api", "consumer", "relay", "clockwork")
_log = logger(__name__)
_FIRST_WAIT_SECONDS, _LAST_WAIT_SECONDS, _STEADY_SECONDS = 0.5, 15.0, 60.0


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
    server = uvicorn.Server(
        uvicorn.Config(
            service.app,
            host=service.host,
            port=service.port,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=10,
        )
    )
    work = [asyncio.create_task(supervise(name, once, clock), name=name) for name, once in service.background.items()]
    _log.info("service runs", port=service.port, work=sorted(service.background))
    try:
        await server.serve()
    finally:
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        await service.close()


def collect_garbage_seldom() -> None:
    """For programs that live long and hold much: what stands at the start is never looked at again, the rest seldom.

    With Python's own thresholds a consumer spent two fifths of its time looking for cycles among documents just read.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


async def supervise(name: str, once: Callable[[], Awaitable[None]], clock: Clock) -> None:
    """Runs `once` for ever; after a fault again, later each time, until it has held for a minute."""
    wait = _FIRST_WAIT_SECONDS
    while True:
        began = clock.monotonic()
        try:
            await once()
        except Exception:  # noqa: BLE001 -- the last line of defence for background work: logged, and begun again
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
