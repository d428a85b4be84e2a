"""Wires the slice of members who change institution."""

import secrets

from services.matching.moves.api import moves_router
from services.matching.moves.repository import MongoMoves
from services.matching.moves.usecases import Moves
from shared.bootstrap import ServiceDependencies
from shared.slices import Slice


def build(dependencies: ServiceDependencies) -> Slice:
    repository = MongoMoves(dependencies.database, dependencies.clock)
    moves = Moves(repository, dependencies.clock, new_code=lambda: secrets.token_urlsafe(24))
    return Slice(prepare=[repository.prepare], routers=[moves_router(moves)])
