"""Composition root: everything is built here and passed in."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from fastapi import APIRouter

from services.matching.conflicts.api import conflicts_router, rotations_router
from services.matching.conflicts.repository import FirewallStore
from services.matching.conflicts.usecases import Counting, Rotations
from services.matching.exchange.api import exchange_router
from services.matching.exchange.load.api import load_router
from services.matching.exchange.load.repository import LoadStore
from services.matching.exchange.load.usecases import Loads
from services.matching.exchange.repository import ExchangeStore
from services.matching.exchange.usecases import Exchanges
from services.matching.feedback.api import experience_router
from services.matching.feedback.repository import AnswerStore
from services.matching.feedback.usecases import Experiences
from services.matching.mentoring.api.relationships import relationships_router
from services.matching.mentoring.api.requests import requests_router
from services.matching.mentoring.repository.requests import RequestStore
from services.matching.mentoring.usecases.relationships import Relationships
from services.matching.mentoring.usecases.requests import Requests
from services.matching.mentoring.worker import Due
from services.matching.privacy.erasure.repository import ErasureStore
from services.matching.privacy.erasure.usecases import ErasureReceiptWorker
from services.matching.privacy.export.api import export_router
from services.matching.privacy.export.repository import ExportStore
from services.matching.privacy.export.usecases import Export
from services.matching.projections.handlers import folds
from services.matching.projections.repository import Copies, Projections
from services.matching.repairs.api import repairs_router
from services.matching.repairs.repository.carrying_out import RepairBench
from services.matching.repairs.repository.repairs import RepairShelf
from services.matching.repairs.usecases.repairs import Repairs
from services.matching.repairs.worker import Mending
from services.matching.rounds import solver_folders as folders
from services.matching.rounds.api.rounds import rounds_router
from services.matching.rounds.repository.publication import Register
from services.matching.rounds.repository.rounds import RoundShelf
from services.matching.rounds.usecases.rounds import Rounds
from services.matching.rounds.worker.publishing import Publishing
from services.matching.rounds.worker.solving import Solving
from services.matching.settings import Settings
from services.matching.simulations.api import rehearsals_router
from services.matching.simulations.repository import RehearsalShelf
from services.matching.simulations.usecases import Rehearsals
from services.matching.simulations.worker import Rehearsing
from services.matching.solver_process import Workshop
from services.matching.suggestions import metrics as watch
from services.matching.suggestions.api import suggestions_router, unmatched_router
from services.matching.suggestions.audit import Audit
from services.matching.suggestions.index.network import Network
from services.matching.suggestions.reading import Reading
from services.matching.suggestions.reading_repository import ReadingStore
from services.matching.suggestions.replicas import Replicas
from services.matching.suggestions.repository import Lists
from services.matching.suggestions.updater import Keeper
from services.matching.suggestions.worker import Clockwork, Shards
from shared import bootstrap as parts_of
from shared.bootstrap import Parts
from shared.clock import Clock, SystemClock
from shared.contracts.dead_letters import MatchingRecordParked
from shared.http import create_app
from shared.leases import Lease
from shared.mongo import Database
from shared.outbox import shedding
from shared.service import Service, every, roles_of, run
from shared.telemetry import configure_logs

NAME = "matching"
_LOOKS_SECONDS = 0.5
"""Between two looks for rounds that wait."""


def main(arguments: Sequence[str]) -> None:
    roles = roles_of(arguments)
    settings = Settings.from_environment()
    configure_logs(NAME, level=settings.log_level)
    asyncio.run(_run(settings, SystemClock(), roles))


async def _run(settings: Settings, clock: Clock, roles: frozenset[str]) -> None:
    await run(build(settings, clock, roles), clock)


def build(settings: Settings, clock: Clock, roles: frozenset[str]) -> Service:
    """Inside a running event loop."""
    parts = parts_of.build(NAME, settings, clock, letter=MatchingRecordParked)
    projections, lists = Projections(parts.database), Lists(parts.database)
    replicas = Replicas(parts.database, holder=parts.holder)
    keeping = _keeping(parts, settings, projections, lists, replicas)
    stores = Stores(parts.database, clock)
    due = Due(stores.pairs, clock)
    counting = Counting(stores.firewall, clock)
    receipts = ErasureReceiptWorker(stores.erasures)
    parts.consumers.projection(folds(Copies(parts.database, heard=keeping.hear)))

    async def prepare() -> None:
        folders.clear()
        await parts.prepare()
        await projections.prepare()
        await lists.prepare()
        await replicas.prepare()
        await stores.prepare()

    async def close() -> None:
        parts.database.client.close()

    async def ready() -> dict[str, str]:
        loading = {} if keeping.is_loaded or "clockwork" not in roles else {"index": "is being loaded"}
        return {**await parts.ready(), **loading}

    app = create_app(
        "Preceptor matching",
        "Who is suggested to whom, why, and why not; who asked whom, and what came of it.",
        routers=_routers(stores, clock) if "api" in roles else [],
        database=parts.database,
        authenticator=parts.authenticator,
        clock=clock,
        metrics=parts.metrics,
        ready=ready,
        stalled=lambda: parts.watchdog.stalled,
        backlog=parts.backlog,
    )
    work: dict[str, tuple[str, Callable[[], Awaitable[None]]]] = {
        "backlog": ("api", lambda: every(shedding.LOOKS_SECONDS, parts.backlog.look)),
        "consumer": ("consumer", lambda: _serve(parts)),
        "watchdog": ("consumer", lambda: every(parts.watchdog.looks_seconds, parts.watchdog.look)),
        "relay": ("relay", parts.relay),
        "lists": ("clockwork", keeping.run),
        "due": ("clockwork", lambda: every(1, due.work)),
        "erasures": ("clockwork", lambda: every(1, receipts.work)),
        "assessments": ("clockwork", lambda: every(1, counting.work)),
        "solving": ("clockwork", _solving(parts, settings, stores.rounds)),
        "publishing": ("clockwork", _publishing(parts, settings)),
        "repairs": ("clockwork", _mending(parts, settings, stores.repairs)),
        "rehearsals": ("clockwork", _rehearsing(parts, settings, stores.rehearsals)),
        "clockwork": ("clockwork", lambda: every(1, parts.consumers.retry_due)),
    }
    return Service(
        name=NAME,
        app=app,
        host=settings.http_host,
        port=settings.http_port,
        prepare=prepare,
        close=close,
        background={"gauges": parts.measure} | {name: once for name, (role, once) in work.items() if role in roles},
    )


class Stores:
    """What is decided by people, as it is kept; what follows from it is the projections' and the lists'."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.reading = ReadingStore(database)
        self.pairs = RequestStore(database, clock)
        self.rounds = RoundShelf(database, clock)
        self.repairs = RepairShelf(database)
        self.rehearsals = RehearsalShelf(database)
        self.firewall = FirewallStore(database, clock)
        self.answers = AnswerStore(database, clock)
        self.exchanges = ExchangeStore(database)
        self.load = LoadStore(database)
        self.erasures = ErasureStore(database, clock)
        self.export = ExportStore(database)

    async def prepare(self) -> None:
        for one in (self.pairs, self.rounds, self.repairs, self.rehearsals, self.firewall, self.answers, self.erasures):
            await one.prepare()


def _routers(stores: Stores, clock: Clock) -> list[APIRouter]:
    reading, rotations = Reading(stores.reading), Rotations(stores.firewall, clock)
    rounds = Rounds(stores.rounds, clock)
    return [
        suggestions_router(reading),
        unmatched_router(reading),
        requests_router(Requests(stores.pairs, clock)),
        relationships_router(Relationships(stores.pairs, clock)),
        experience_router(Experiences(stores.answers)),
        rounds_router(rounds),
        repairs_router(Repairs(stores.repairs, clock)),
        rehearsals_router(Rehearsals(stores.rehearsals, clock)),
        rotations_router(rotations),
        conflicts_router(rotations),
        exchange_router(Exchanges(stores.exchanges)),
        load_router(Loads(stores.load)),
        export_router(Export(stores.export, reading, rounds)),
    ]


def _solving(parts: Parts, settings: Settings, shelf: RoundShelf) -> Callable[[], Awaitable[None]]:
    lease = parts.lease("solving", seconds=settings.lease_seconds)
    workshop = Workshop(mongo_uri=settings.mongo_uri.get_secret_value(), mongo_database=settings.mongo_database)
    solving = Solving(shelf, workshop, lease, parts.clock, watch=watch.Rounds(parts.metrics.registry))
    return lambda: _while_leased(solving.work, lease)


def _publishing(parts: Parts, settings: Settings) -> Callable[[], Awaitable[None]]:
    lease = parts.lease("publishing", seconds=settings.lease_seconds)
    publishing = Publishing(Register(parts.database, parts.clock), lease, parts.clock)
    return lambda: _while_leased(publishing.work, lease)


def _mending(parts: Parts, settings: Settings, shelf: RepairShelf) -> Callable[[], Awaitable[None]]:
    lease = parts.lease("repairs", seconds=settings.lease_seconds)
    workshop = Workshop(mongo_uri=settings.mongo_uri.get_secret_value(), mongo_database=settings.mongo_database)
    mending = Mending(RepairBench(parts.database, parts.clock), shelf, workshop, lease, parts.clock)

    async def look() -> None:
        await asyncio.gather(every(_LOOKS_SECONDS, mending.work), every(settings.overfull_seconds, mending.look))

    return lambda: _released(look, lease)


def _rehearsing(parts: Parts, settings: Settings, shelf: RehearsalShelf) -> Callable[[], Awaitable[None]]:
    lease = parts.lease("rehearsals", seconds=settings.lease_seconds)
    workshop = Workshop(mongo_uri=settings.mongo_uri.get_secret_value(), mongo_database=settings.mongo_database)
    rehearsing = Rehearsing(shelf, workshop, lease, parts.clock)
    return lambda: _while_leased(rehearsing.work, lease)


async def _released(run: Callable[[], Awaitable[None]], lease: Lease) -> None:
    try:
        await run()
    finally:
        await lease.release()


async def _while_leased(work: Callable[[], Awaitable[None]], lease: Lease) -> None:
    await _released(lambda: every(_LOOKS_SECONDS, work), lease)


def _keeping(parts: Parts, settings: Settings, projections: Projections, lists: Lists, replicas: Replicas) -> Clockwork:
    metrics = watch.Metrics(parts.metrics.registry)

    def keeper(network: Network) -> Keeper:
        new = Keeper(network, lists, clock=parts.clock, coalesce_seconds=settings.coalesce_seconds, watch=metrics)
        metrics.follow(new)
        return new

    def audit(keeper: Keeper) -> Audit:
        return Audit(keeper, lists, clock=parts.clock, watch=metrics)

    def shards() -> Shards:
        return Shards(replicas, lambda name: parts.lease(name, seconds=settings.lease_seconds))

    return Clockwork(projections, keeper=keeper, shards=shards, audit=audit, audit_seconds=settings.audit_seconds)


async def _serve(parts: Parts) -> None:
    await parts.consumers.start()
    try:
        await asyncio.Event().wait()
    finally:
        await parts.consumers.stop()
