"""What an institution gives to others and receives from them."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from services.matching.exchange.domain import Balance
from services.matching.exchange.usecases import Exchanges
from shared.contracts.payload import Id
from shared.http import SignedIn, problems, router


class BalanceRead(BaseModel):
    institution: str = Field(description="The partner")
    gives: bool = Field(description="Our mentors may take their mentees: both institutions agree to it")
    receives: bool = Field(description="Their mentors may take ours: both agree to it")
    given: int = Field(description="Seats that their mentees have with our mentors now")
    received: int
    balance: int = Field(description="Given less received")
    given_in_all: int = Field(description="Relationships ever begun, those that go on among them")
    received_in_all: int
    ceiling: int | None = Field(default=None, description="Our own, of what is given")
    ceiling_left: int | None = Field(default=None, description="0 where more is given than a lowered ceiling allows")
    floor: int
    floor_met: bool = Field(description="Reported, never enforced")


class ExchangeRead(BaseModel):
    institution: str
    given: int = Field(description="To all partners, now")
    received: int
    balance: int
    partners: list[BalanceRead] = Field(description="Whom it names, or has or had pairs with; by id")


def exchange_router(exchanges: Exchanges) -> APIRouter:
    routes = router(tags=["exchange"])

    @routes.get("/institutions/{institution}/exchange", responses=problems(404))
    async def see_exchange(institution: Id, me: SignedIn) -> ExchangeRead:
        """For a coordinator of the whole institution: its own only. Pairs that have ended count in `…_in_all`."""
        found = await exchanges.balances(me, institution)
        given, received = sum(each.given.now for each in found), sum(each.received.now for each in found)
        return ExchangeRead(
            institution=institution,
            given=given,
            received=received,
            balance=given - received,
            partners=[_read(balance) for balance in found],
        )

    return routes


def _read(balance: Balance) -> BalanceRead:
    return BalanceRead(
        institution=balance.partner,
        gives=balance.gives,
        receives=balance.receives,
        given=balance.given.now,
        received=balance.received.now,
        balance=balance.given.now - balance.received.now,
        given_in_all=balance.given.in_all,
        received_in_all=balance.received.in_all,
        ceiling=balance.ceiling,
        ceiling_left=balance.left,
        floor=balance.floor,
        floor_met=balance.is_floor_met,
    )
