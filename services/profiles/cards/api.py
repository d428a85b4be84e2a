"""Cards over HTTP: what a member sees of another whom they are suggested, have asked, are asked by or matched with."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from services.profiles.cards.domain.cards import Card
from services.profiles.cards.domain.relations import Relation
from services.profiles.cards.usecases import Cards
from shared.contracts.payload import Id
from shared.contracts.profiles import Stage
from shared.http import SignedIn, problems, router


class CardView(BaseModel):
    """A field that is left out is not shown in this relation, or its owner has not entered it."""

    id: str
    institution: str
    relation: Relation
    stage: Stage | None = None
    specialty: str | None = None
    principles: str = ""
    name: str | None = None
    """Inside one institution, or once the two are matched."""
    pronouns: str | None = None
    """Where the name is shown."""
    story: str | None = None
    """As its owner allows (`story_shown_to`)."""
    email: str | None = None
    """Once the two are matched, if its owner shares it (`shares_email`)."""


class CardsView(BaseModel):
    items: list[CardView]


def _view(card: Card) -> CardView:
    return CardView(**{name: getattr(card, name) for name in CardView.model_fields})


def cards_router(cards: Cards) -> APIRouter:
    routes = router(tags=["cards"])

    @routes.get("/cards", response_model_exclude_none=True, responses=problems(404))
    async def page(
        ids: Annotated[list[Id], Query(min_length=1, max_length=50, description="Members: `?ids=a&ids=b`")],
        me: SignedIn,
    ) -> CardsView:
        """In the order of `ids`. A member without a relation to you is left out, like an unknown id."""
        return CardsView(items=[_view(card) for card in await cards.page(me, ids)])

    @routes.get("/cards/{member}", response_model_exclude_none=True, responses=problems(404))
    async def see(member: Id, me: SignedIn) -> CardView:
        return _view(await cards.see(me, member))

    return routes
