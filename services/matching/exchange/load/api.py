"""HTTP API of the load of mentors."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from services.matching.exchange.load.domain import LEAST_GROUP, Load, Total
from services.matching.exchange.load.usecases import Loads, ProgrammeLoad
from shared.contracts.payload import Id
from shared.http import SignedIn, problems, router


class LoadRead(BaseModel):
    seats: int = Field(description="All programmes together, as everything here")
    seats_taken: int
    hours_per_month: int = Field(description="Given to mentoring")
    hours_promised: float = Field(
        description="A month: each seat that is taken is worth an equal share of the hours; conversations that take no "
        "seat count as they were given"
    )
    hours_given: float = Field(description="In the last 30 days, in every format, as recorded")
    unanswered: int = Field(description="Requests waiting for an answer")


class TotalRead(LoadRead):
    mentors: int


class GroupRead(TotalRead):
    institution: str = Field(description="The mentors'")


class LoadsRead(BaseModel):
    programme: str
    total: TotalRead = Field(description="Of the groups shown here: nothing can be subtracted")
    groups: list[GroupRead]
    groups_hidden: int = Field(description=f"Institutions with fewer than {LEAST_GROUP} mentors in the programme")


def load_router(loads: Loads) -> APIRouter:
    routes = router(tags=["load"])

    @routes.get("/me/load", responses=problems(404))
    async def see_my_load(me: SignedIn) -> LoadRead:
        """One's own, as a mentor."""
        return LoadRead(**_load(await loads.mine(me)))

    @routes.get("/programmes/{programme}/load", responses=problems(404))
    async def see_load(programme: Id, me: SignedIn) -> LoadsRead:
        """For a coordinator: sums of its mentors, by institution. The owner's sees all of them, others their own."""
        return _read(programme, await loads.of_programme(me, programme))

    return routes


def _read(programme: str, load: ProgrammeLoad) -> LoadsRead:
    return LoadsRead(
        programme=programme,
        total=TotalRead(**_total(load.total)),
        groups=[GroupRead(institution=name, **_total(group)) for name, group in load.groups.items()],
        groups_hidden=load.hidden,
    )


def _load(load: Load | Total) -> dict[str, float]:
    return {
        "seats": load.seats,
        "seats_taken": load.taken,
        "hours_per_month": load.hours,
        "hours_promised": round(load.promised, 1),
        "hours_given": round(load.given, 1),
        "unanswered": load.unanswered,
    }


def _total(total: Total) -> dict[str, float]:
    return {**_load(total), "mentors": total.mentors}
