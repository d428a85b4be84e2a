"""Wires the exchange between institutions and the load of mentors."""

from collections.abc import Mapping

from services.matching.exchange.api import exchange_router
from services.matching.exchange.load.api import load_router
from services.matching.exchange.load.handlers import FORMATS, Reactions
from services.matching.exchange.load.repository import MongoLoadRepository, record
from services.matching.exchange.load.usecases import Loads
from services.matching.exchange.repository import MongoExchangeRepository
from services.matching.exchange.usecases import Exchanges
from shared.bootstrap import ServiceDependencies
from shared.consuming.reactions import Reaction
from shared.contracts.payload import Payload
from shared.slices import Slice


def reactions() -> Mapping[type[Payload], Reaction]:
    """For the one consumer of mentorships' events."""
    return dict.fromkeys(FORMATS, Reactions(record).on_held)


def build(dependencies: ServiceDependencies) -> Slice:
    loads = MongoLoadRepository(dependencies.database, dependencies.clock)
    return Slice(
        prepare=[loads.prepare],
        routers=[
            exchange_router(Exchanges(MongoExchangeRepository(dependencies.database))),
            load_router(Loads(loads)),
        ],
    )
