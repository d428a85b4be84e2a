"""Composition root: the slices of matching, each built from the same dependencies."""

import asyncio
from collections.abc import Collection, Sequence

from services.matching.conflicts import wiring as conflicts
from services.matching.exchange import wiring as exchange
from services.matching.exchange.load.repository import forget as forget_hours
from services.matching.feedback import wiring as feedback
from services.matching.feedback.documents import forget as forget_answers
from services.matching.mentoring import wiring as mentoring
from services.matching.moves import wiring as moves
from services.matching.moves.repository import forget as forget_moves
from services.matching.privacy import wiring as privacy
from services.matching.repairs import wiring as repairs
from services.matching.rounds import wiring as rounds
from services.matching.settings import Settings
from services.matching.simulations import wiring as simulations
from services.matching.solver_process.client import SolverProcess
from services.matching.suggestions import wiring as suggestions
from shared import bootstrap
from shared.clock import Clock, SystemClock
from shared.contracts.dead_letters import MatchingRecordParked
from shared.service import Service, roles_of, run
from shared.slices import assemble
from shared.telemetry import configure_logs

NAME = "matching"


def main(arguments: Sequence[str]) -> None:
    roles = roles_of(arguments)
    settings = Settings.from_environment()
    configure_logs(NAME, level=settings.log_level)
    asyncio.run(_run(settings, SystemClock(), roles))


async def _run(settings: Settings, clock: Clock, roles: frozenset[str]) -> None:
    await run(build(settings, clock, roles), clock)


def build(settings: Settings, clock: Clock, roles: Collection[str]) -> Service:
    """Inside a running event loop."""
    dependencies = bootstrap.build(NAME, settings, clock, roles, dead_letter=MatchingRecordParked)
    solver = SolverProcess(mongo_uri=settings.mongo_uri.get_secret_value(), mongo_database=settings.mongo_database)
    return assemble(
        dependencies,
        "Preceptor matching",
        "Suggested mentors with reasons, requests, relationships, rounds and repairs.",
        [
            suggestions.build(dependencies, settings),
            mentoring.build(
                dependencies, forget=[forget_answers, forget_hours, forget_moves], further=exchange.reactions()
            ),
            moves.build(dependencies),
            conflicts.build(dependencies),
            feedback.build(dependencies),
            exchange.build(dependencies),
            rounds.build(dependencies, settings, solver=solver),
            repairs.build(dependencies, settings, solver=solver),
            simulations.build(dependencies, settings, solver=solver),
            privacy.build(dependencies),
        ],
    )
