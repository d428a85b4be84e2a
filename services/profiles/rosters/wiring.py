"""Wires rosters: their routes, and the leased worker that applies them."""

from services.profiles.members.repository.members import MongoMemberRepository
from services.profiles.programmes.repository import MongoProgrammeRepository
from services.profiles.rosters.api import rosters_router
from services.profiles.rosters.repository.rosters import MongoRosterRepository
from services.profiles.rosters.repository.undoing import EraseNow, MongoRosterUndo
from services.profiles.rosters.usecases import NearestTerms, RosterIntake
from services.profiles.rosters.worker import RosterWorker
from services.profiles.settings import Settings
from shared.bootstrap import ServiceDependencies
from shared.slices import Slice, Work, while_leased


def build(
    dependencies: ServiceDependencies, settings: Settings, *, erase_now: EraseNow, nearest: NearestTerms
) -> Slice:
    database, clock = dependencies.database, dependencies.clock
    members, programmes = MongoMemberRepository(database, clock), MongoProgrammeRepository(database, clock)
    rosters = MongoRosterRepository(database, members, clock)
    undo = MongoRosterUndo(database, members, clock, erase_now=erase_now)
    intake = RosterIntake(rosters, programmes, undo, clock=clock, max_rows=settings.roster_max_rows)
    lease = dependencies.lease("rosters", seconds=30)
    worker = RosterWorker(rosters, programmes, undo, nearest, lease, clock)
    return Slice(
        prepare=[rosters.prepare, undo.prepare],
        routers=[rosters_router(intake, max_bytes=settings.roster_max_megabytes * 1_000_000)],
        work={"rosters": Work(role="clockwork", run=while_leased(lease, worker.work, seconds=0.5))},
    )
