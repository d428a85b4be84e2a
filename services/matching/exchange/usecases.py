"""The seats that an institution gives and receives, for a coordinator of the whole institution."""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from services.matching.exchange.domain import Balance, Flow, balances
from services.matching.kernel.participants import Exchange, Institution
from shared.errors import Forbidden, NotFound
from shared.principal import Principal


class ExchangeRepository(Protocol):
    async def institutions(self, ids: Collection[str]) -> Mapping[str, Institution]: ...

    async def flows(self, institution: str) -> Mapping[Exchange, Flow]:
        """Flows between the institution and others."""


class Exchanges:
    def __init__(self, repository: ExchangeRepository) -> None:
        self._repository = repository

    async def balances(self, me: Principal, institution: str) -> Sequence[Balance]:
        me.require("coordinator")
        mine = (await self._repository.institutions([me.home])).get(me.home) if institution == me.home else None
        if mine is None:
            raise NotFound("institution_not_found", "there is no institution with this id")
        if not me.coordinates_institution:
            raise Forbidden("programme_refused", "this needs the role institution_coordinator")
        flows = await self._repository.flows(mine.id)
        partners = mine.exchanges_with | {institution for exchange in flows for institution in exchange}
        return list(balances(mine, await self._repository.institutions(partners), flows))
