"""Wires the exchange between institutions and the load of mentors."""

from services.matching.exchange.api import exchange_router
from services.matching.exchange.load.api import load_router
from services.matching.exchange.load.repository import MongoLoadRepository
from services.matching.exchange.load.usecases import Loads
from services.matching.exchange.repository import MongoExchangeRepository
from services.matching.exchange.usecases import Exchanges
from shared.bootstrap import ServiceDependencies
from shared.slices import Slice


def build(dependencies: ServiceDependencies) -> Slice:
    return Slice(
        routers=[
            exchange_router(Exchanges(MongoExchangeRepository(dependencies.database))),
            load_router(Loads(MongoLoadRepository(dependencies.database))),
        ]
    )
