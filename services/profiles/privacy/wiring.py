"""Erasure and export as part of the service."""

from datetime import timedelta

from services.profiles.invitations.repository.invitations import MongoInvitationRepository
from services.profiles.members.wiring import build_members
from services.profiles.privacy.erasure import repository
from services.profiles.privacy.erasure.api import erasures_router
from services.profiles.privacy.erasure.handlers import Reactions
from services.profiles.privacy.erasure.repository import MongoErasureRepository
from services.profiles.privacy.erasure.usecases import ErasureDelays, ErasureUseCases
from services.profiles.privacy.erasure.worker import ErasureWorker
from services.profiles.privacy.export.api import export_router
from services.profiles.privacy.export.usecases import Export
from services.profiles.settings import Settings
from shared.bootstrap import ServiceDependencies
from shared.contracts.matching import MatchingErasureCompleted
from shared.contracts.mentorships import MentorshipsErasureCompleted
from shared.contracts.notifications import NotificationsErasureCompleted
from shared.mongo import Transaction
from shared.service import every
from shared.slices import Slice, Work


def build(dependencies: ServiceDependencies, settings: Settings) -> Slice:
    database, clock = dependencies.database, dependencies.clock
    erasures = MongoErasureRepository(database, clock)
    members, use_cases = build_members(dependencies)
    delays = ErasureDelays(
        own=timedelta(days=settings.erasure_own_days), coordinators=timedelta(days=settings.erasure_coordinator_days)
    )
    worker = ErasureWorker(erasures, clock)
    _consume(dependencies)
    return Slice(
        prepare=[erasures.prepare],
        routers=[
            erasures_router(ErasureUseCases(erasures, use_cases, clock=clock, waits=delays)),
            export_router(Export(MongoInvitationRepository(database, members, clock), erasures, use_cases)),
        ],
        work={"erasures": Work(role="clockwork", run=lambda: every(1, worker.work))},
    )


def _consume(dependencies: ServiceDependencies) -> None:
    def receive(transaction: Transaction, institution: str, erasure: str, *, service: str) -> None:
        repository.receive(transaction, institution, erasure, service=service, now=dependencies.clock.now())

    reactions = Reactions(receive)
    dependencies.consumers.rare_reaction(
        {
            MatchingErasureCompleted: reactions.on_erasure_completed,
            MentorshipsErasureCompleted: reactions.on_erasure_completed,
            NotificationsErasureCompleted: reactions.on_erasure_completed,
        }
    )
