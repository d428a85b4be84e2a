"""Slices: each capability of a service builds a `Slice` from the same dependencies, and `assemble` joins them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from fastapi import APIRouter

from shared.bootstrap import ServiceDependencies
from shared.http import allow_origins, create_app
from shared.leases import Lease
from shared.operating import operating_router
from shared.outbox import shedding
from shared.service import Service, every

Role = Literal["api", "consumer", "relay", "clockwork"]
Act = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Runs in processes that have the role, until it is cancelled."""

    role: Role
    run: Act


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """The routes, work and preparation of one capability. Event handlers are registered while it is built."""

    prepare: Sequence[Act] = ()
    """Creates collections, indexes and folders before any work runs."""
    routers: Sequence[APIRouter] = ()
    work: Mapping[str, Work] = field(default_factory=dict)
    """Background work by a name that is unique in the service: logs and fail-points use it."""
    not_ready: Callable[[], Mapping[str, str]] = dict
    """Reasons why this process is not ready, by name."""


def assemble(dependencies: ServiceDependencies, title: str, description: str, slices: Sequence[Slice]) -> Service:
    """Joins slices into a service. Call it inside a running event loop."""

    async def prepare() -> None:
        await dependencies.prepare()
        for each in slices:
            for act in each.prepare:
                await act()

    async def close() -> None:
        dependencies.database.client.close()

    async def ready() -> dict[str, str]:
        found = await dependencies.ready()
        for each in slices:
            found |= each.not_ready()
        return found

    work = {**_plumbing(dependencies), **{name: work for each in slices for name, work in each.work.items()}}
    app = create_app(
        title,
        description,
        routers=[*(router for each in slices for router in each.routers), operating_router(dependencies, ready)]
        if "api" in dependencies.roles
        else [],
        database=dependencies.database,
        authenticator=dependencies.authenticator,
        clock=dependencies.clock,
        metrics=dependencies.metrics,
        ready=ready,
        stalled=lambda: dependencies.watchdog.stalled,
        backlog=dependencies.backlog,
    )
    allow_origins(app, dependencies.settings.allowed_origins)
    return Service(
        name=dependencies.name,
        app=app,
        host=dependencies.settings.http_host,
        port=dependencies.settings.http_port,
        prepare=prepare,
        close=close,
        background={"gauges": dependencies.measure}
        | {name: each.run for name, each in work.items() if each.role in dependencies.roles},
    )


def while_leased(lease: Lease, act: Callable[[], Awaitable[object]], *, seconds: float) -> Act:
    """Repeats `act` every `seconds` until cancelled, then releases the lease."""

    async def run() -> None:
        try:
            await every(seconds, act)
        finally:
            await lease.release()

    return run


def _plumbing(dependencies: ServiceDependencies) -> Mapping[str, Work]:
    """The work of every service: consumes, publishes the outbox and retries parked records."""
    return {
        "backlog": Work(role="api", run=lambda: every(shedding.LOOKS_SECONDS, dependencies.backlog.look)),
        "consumer": Work(role="consumer", run=lambda: _consume(dependencies)),
        "watchdog": Work(
            role="consumer", run=lambda: every(dependencies.watchdog.check_seconds, dependencies.watchdog.look)
        ),
        "relay": Work(role="relay", run=dependencies.relay),
        "parked": Work(role="clockwork", run=lambda: every(1, dependencies.consumers.retry_due)),
    }


async def _consume(dependencies: ServiceDependencies) -> None:
    await dependencies.consumers.start()
    try:
        await asyncio.Event().wait()
    finally:
        await dependencies.consumers.stop()
