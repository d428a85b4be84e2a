"""Wires the evaluator firewall: routes for rotations and conflicts, and the worker that recounts rotations."""

from services.matching.conflicts.api import conflicts_router, rotations_router
from services.matching.conflicts.repository import MongoFirewallRepository
from services.matching.conflicts.usecases import AssessmentWorker, Rotations
from shared.bootstrap import ServiceDependencies
from shared.service import every
from shared.slices import Slice, Work


def build(dependencies: ServiceDependencies) -> Slice:
    store = MongoFirewallRepository(dependencies.database, dependencies.clock)
    rotations, counting = Rotations(store, dependencies.clock), AssessmentWorker(store, dependencies.clock)
    return Slice(
        prepare=[store.prepare],
        routers=[rotations_router(rotations), conflicts_router(rotations)],
        work={"assessments": Work(role="clockwork", run=lambda: every(1, counting.work))},
    )
