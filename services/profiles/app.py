"""Composition root: everything is built here and passed in."""

import asyncio
import secrets
from collections.abc import Collection, Sequence
from datetime import timedelta

from fastapi import APIRouter

from services.profiles.cards.api import cards_router
from services.profiles.cards.handlers import Reactions, projection_handlers
from services.profiles.cards.repository import MongoRelations
from services.profiles.cards.usecases import Cards
from services.profiles.consents.api import consents_router
from services.profiles.consents.usecases import Consents
from services.profiles.institutions.api import institutions_router
from services.profiles.institutions.repository import MongoInstitutions
from services.profiles.institutions.usecases import InstitutionUseCases
from services.profiles.invitations.usecases import InvitationUseCases
from services.profiles.members.api.me import invitations_router, me_router
from services.profiles.members.api.members import members_router
from services.profiles.members.repository.members import MongoMembers
from services.profiles.members.usecases import MemberUseCases
from services.profiles.privacy.erasure import repository as erasure_store
from services.profiles.privacy.erasure.api import erasures_router
from services.profiles.privacy.erasure.repository import MongoErasures
from services.profiles.privacy.erasure.usecases import ErasureDelays, ErasureUseCases, ErasureWorker
from services.profiles.privacy.export.usecases import Export
from services.profiles.programmes.api import programmes_router
from services.profiles.programmes.repository import MongoProgrammes
from services.profiles.programmes.usecases import ProgrammeUseCases
from services.profiles.republishing.repository.stale_heads import TOPICS, MongoStates
from services.profiles.republishing.usecases import StaleHeadRepublisher
from services.profiles.rosters.api import rosters_router
from services.profiles.rosters.repository.rosters import MongoRosters
from services.profiles.rosters.usecases import RosterIntake, RosterWorker
from services.profiles.settings import Settings
from shared import bootstrap
from shared.bootstrap import ServiceDependencies
from shared.clock import Clock, SystemClock
from shared.contracts.dead_letters import ProfilesRecordParked
from shared.contracts.matching import MatchingErasureCompleted
from shared.contracts.notifications import NotificationsErasureCompleted
from shared.latest_sequences import heads
from shared.mongo import Writing
from shared.service import ROLES, Service, every, roles_of, run
from shared.slices import Slice, Work, assemble, while_leased
from shared.telemetry import configure_logs


class Stores:
    def __init__(self, built: ServiceDependencies) -> None:
        self.institutions = MongoInstitutions(built.database, built.clock)
        self.programmes = MongoProgrammes(built.database, built.clock)
        self.members = MongoMembers(built.database, built.clock)
        self.erasures = MongoErasures(built.database, built.clock)
        self.rosters = MongoRosters(built.database, self.members, built.clock)
        self.relations = MongoRelations(built.database)

    async def prepare(self) -> None:
        await self.institutions.prepare()
        await self.programmes.prepare()
        await self.members.prepare()
        await self.erasures.prepare()
        await self.rosters.prepare()
        await self.relations.prepare()


def _routers(stores: Stores, settings: Settings, clock: Clock) -> list[APIRouter]:
    members = MemberUseCases(stores.members, stores.programmes)
    invitations = InvitationUseCases(
        stores.members,
        members,
        clock=clock,
        new_code=lambda: secrets.token_urlsafe(24),
        lasts=timedelta(days=settings.invitation_days),
    )
    erasures = ErasureUseCases(
        stores.erasures,
        members,
        clock=clock,
        waits=ErasureDelays(
            own=timedelta(days=settings.erasure_own_days),
            coordinators=timedelta(days=settings.erasure_coordinator_days),
        ),
    )
    receiving = RosterIntake(stores.rosters, stores.programmes, clock=clock, max_rows=settings.roster_max_rows)
    return [
        institutions_router(InstitutionUseCases(stores.institutions)),
        programmes_router(ProgrammeUseCases(stores.programmes, stores.institutions)),
        me_router(members, Export(stores.members, stores.erasures, members)),
        erasures_router(erasures),
        invitations_router(invitations),
        cards_router(Cards(stores.relations, stores.members, members)),
        members_router(members),
        consents_router(Consents(stores.programmes, stores.members)),
        rosters_router(receiving, max_bytes=settings.roster_max_megabytes * 1_000_000),
    ]


def build(settings: Settings, clock: Clock, *, roles: Collection[str] = ROLES) -> Service:
    """Inside the running event loop: clients bind to it."""
    dependencies = bootstrap.build("profiles", settings, clock, roles, dead_letter=ProfilesRecordParked)
    stores = Stores(dependencies)
    dependencies.consumers.projection(projection_handlers(stores.relations))
    _consume(dependencies, clock)
    lease = dependencies.lease("rosters", seconds=30)
    rosters = RosterWorker(stores.rosters, stores.programmes, lease, clock)
    states = MongoStates(dependencies.database, clock, holder=dependencies.holder)
    carrying_out = ErasureWorker(stores.erasures, clock)
    mending = StaleHeadRepublisher(states, lambda since: heads(settings.kafka, TOPICS, since=since), clock)
    profiles = Slice(
        prepare=[stores.prepare],
        routers=_routers(stores, settings, clock),
        work={
            "heads": Work(role="relay", run=lambda: every(1, mending.work)),
            "rosters": Work(role="clockwork", run=while_leased(lease, rosters.work, seconds=0.5)),
            "erasures": Work(role="clockwork", run=lambda: every(1, carrying_out.work)),
        },
    )
    return assemble(
        dependencies,
        "Preceptor profiles",
        "Institutions, programmes and members: who is in the network, and what they offer, want and allow.",
        [profiles],
    )


def _consume(dependencies: ServiceDependencies, clock: Clock) -> None:
    def receive(writing: Writing, institution: str, erasure: str, *, service: str) -> None:
        erasure_store.receive(writing, institution, erasure, service=service, now=clock.now())

    reactions = Reactions(receive)
    dependencies.consumers.reaction(
        {
            MatchingErasureCompleted: reactions.on_erasure_completed,
            NotificationsErasureCompleted: reactions.on_erasure_completed,
        }
    )


async def _run(settings: Settings, roles: Sequence[str]) -> None:
    clock = SystemClock()
    await run(build(settings, clock, roles=roles), clock)


def main(arguments: Sequence[str]) -> None:
    settings = Settings.from_environment()
    configure_logs("profiles", level=settings.log_level)
    asyncio.run(_run(settings, sorted(roles_of(arguments))))
