"""Exchange between institutions, and what mentors carry, as part of the service."""

from services.matching.exchange.api import exchange_router
from services.matching.exchange.load.api import load_router
from services.matching.exchange.load.repository import LoadStore
from services.matching.exchange.load.usecases import Loads
from services.matching.exchange.repository import ExchangeStore
from services.matching.exchange.usecases import Exchanges
from shared.bootstrap import Parts
from shared.slices import Slice


def build(parts: Parts) -> Slice:
    return Slice(
        routers=[
            exchange_router(Exchanges(ExchangeStore(parts.database))),
            load_router(Loads(LoadStore(parts.database))),
        ]
    )
