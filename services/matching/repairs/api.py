"""Repairs over HTTP, for coordinators of the institution that owns the programme."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from services.matching.jobs.domain import position
from services.matching.mentoring.api.requests import PartyRead, party
from services.matching.repairs.domain.lifecycle import BYSTANDERS_AT_MOST, Move, Repair, RepairState, Step, StepState
from services.matching.repairs.usecases.repairs import Repairs
from shared.contracts.payload import Id
from shared.http import (
    ExpectedVersion,
    IdempotencyKey,
    Limit,
    NewId,
    Page,
    SignedIn,
    Traced,
    moment_before,
    page_of,
    problems,
    router,
    text_after,
    with_etag,
)


class NewRepair(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"bystanders_at_most": 2}})

    bystanders_at_most: int = Field(
        default=0, ge=0, le=BYSTANDERS_AT_MOST, description="So many people who have a mentor may be moved"
    )


class PlanRead(BaseModel):
    displaced: int
    placed: int
    left_behind: int
    bystanders_moved: int
    blocking_pairs: int = Field(description="Pairs, of those looked at, that would both rather have each other then")


class RepairRead(BaseModel):
    id: str
    programme: str
    state: RepairState = Field(description="`planning` and `approved` go on by themselves")
    bystanders_at_most: int
    began_at: datetime
    applied_at: datetime | None = None
    runs_by_itself: bool
    plan: PlanRead | None = None


class MoveRead(BaseModel):
    mentee: PartyRead
    mentor: PartyRead
    leaves: str | None = Field(default=None, description="The relationship that ends with it")


class StepRead(BaseModel):
    id: str
    mentee: PartyRead = Field(description="Who is displaced")
    state: StepState = Field(description="`left`: no mentor was found; `lapsed`: it is not possible any more")
    reason: str | None = None
    moves: list[MoveRead] = Field(description="The displaced, then each bystander who makes room for the one before")


def repairs_router(repairs: Repairs) -> APIRouter:
    routes = router(tags=["repairs"])

    @routes.post(
        "/programmes/{programme}/repairs",
        status_code=202,
        response_model_exclude_none=True,
        responses=problems(404, 409),
    )
    async def ask_repair(
        programme: Id,
        body: NewRepair,
        me: SignedIn,
        id: NewId,
        trace: Traced,
        response: Response,
        _key: IdempotencyKey = None,
    ) -> RepairRead:
        """Plans for all mentees who are displaced now, in the background; an open plan is made again."""
        asked = await repairs.ask(me, programme, id=id, bystanders=body.bystanders_at_most, trace=trace)
        response.headers["location"] = f"/repairs/{asked.id}"
        return _tagged(response, asked)

    @routes.get("/programmes/{programme}/repairs", response_model_exclude_none=True, responses=problems(404))
    async def list_repairs(
        programme: Id, me: SignedIn, *, cursor: str | None = None, limit: Limit = 50
    ) -> Page[RepairRead]:
        """The newest first."""
        page = await repairs.of_programme(me, programme, before=moment_before(cursor), limit=limit)
        return page_of(page, _read, limit=limit, position=position)

    @routes.get("/repairs/{repair}", response_model_exclude_none=True, responses=problems(404))
    async def see_repair(repair: Id, me: SignedIn, response: Response) -> RepairRead:
        return _tagged(response, await repairs.see(me, repair))

    @routes.get("/repairs/{repair}/steps", response_model_exclude_none=True, responses=problems(404))
    async def list_steps(
        repair: Id,
        me: SignedIn,
        *,
        state: Annotated[StepState | None, Query(description="Only these: `left`, say")] = None,
        cursor: str | None = None,
        limit: Limit = 50,
    ) -> Page[StepRead]:
        """Which mentee moves to which mentor, and who is left behind."""
        page = await repairs.steps(me, repair, state, after=text_after(cursor) or "", limit=limit)
        return page_of(page, _step_read, limit=limit, position=lambda step: step.id)

    _act(routes, repairs)
    return routes


def _act(routes: APIRouter, repairs: Repairs) -> None:
    refusals = problems(404, 409, 412, 428)

    @routes.post("/repairs/{repair}/approve", response_model_exclude_none=True, responses=refusals)
    async def approve_repair(
        repair: Id,
        me: SignedIn,
        expected: ExpectedVersion,
        trace: Traced,
        response: Response,
        _key: IdempotencyKey = None,
    ) -> RepairRead:
        """Approves the version that was seen last. Steps are carried out one after another; each has its own state."""
        return _tagged(response, await repairs.approve(me, repair, expected=expected, trace=trace))

    @routes.post("/repairs/{repair}/drop", response_model_exclude_none=True, responses=refusals)
    async def drop_repair(
        repair: Id, me: SignedIn, expected: ExpectedVersion, response: Response, _key: IdempotencyKey = None
    ) -> RepairRead:
        """Displaced mentees stay displaced, until the next plan."""
        return _tagged(response, await repairs.drop(me, repair, expected=expected))


def _tagged(response: Response, repair: Repair) -> RepairRead:
    return with_etag(response, repair.version, _read(repair))


def _read(repair: Repair) -> RepairRead:
    plan = repair.plan
    return RepairRead(
        id=repair.id,
        programme=repair.programme,
        state=repair.state,
        bystanders_at_most=repair.bystanders_at_most,
        began_at=repair.began_at,
        applied_at=repair.applied_at,
        runs_by_itself=repair.runs_by_itself,
        plan=PlanRead(
            displaced=plan.displaced,
            placed=plan.placed,
            left_behind=plan.displaced - plan.placed,
            bystanders_moved=plan.bystanders_moved,
            blocking_pairs=plan.blocking_pairs,
        )
        if plan
        else None,
    )


def _step_read(step: Step) -> StepRead:
    return StepRead(
        id=step.id,
        mentee=party(step.mentee),
        state=step.state,
        reason=step.reason,
        moves=[_move_read(move) for move in step.moves],
    )


def _move_read(move: Move) -> MoveRead:
    return MoveRead(mentee=party(move.mentee), mentor=party(move.mentor), leaves=move.leaves)
