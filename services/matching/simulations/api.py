"""Routes of simulations, under paths with their former name, rehearsals, for coordinators of the programme's owner."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from services.matching.jobs.domain import position
from services.matching.simulations.comparison import Churn, Figures
from services.matching.simulations.lifecycle import Draft, DropReason, Result, Rules, Simulation, SimulationState
from services.matching.simulations.usecases import Simulations
from shared.contracts.payload import Id
from shared.contracts.profiles import Factor
from shared.http import (
    ExpectedVersion,
    IdempotencyKey,
    Limit,
    NewId,
    Page,
    SignedIn,
    etag,
    moment_before,
    page_of,
    problems,
    router,
    with_etag,
)

Weight = Annotated[int, Field(ge=0, le=100)]


def _programmes(weights: Mapping[Factor, int]) -> Mapping[Factor, int]:
    if "identity" in weights:
        raise ValueError("must leave identity out: it counts by a person's own wish only")
    return weights


class DraftLimits(BaseModel):
    model_config = ConfigDict(extra="forbid")

    list_length: int | None = Field(default=None, ge=1, le=10)
    minimum_score: int | None = Field(default=None, ge=0, le=100)


class NewSimulation(BaseModel):
    """Weights and limits that differ from the programme's; those left out stay as they are."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"example": {"weights": {"topics": 80}, "limits": {"minimum_score": 30}}}
    )

    weights: Annotated[dict[Factor, Weight], AfterValidator(_programmes)] = {}
    limits: DraftLimits = DraftLimits()


class LimitsRead(BaseModel):
    list_length: int
    minimum_score: int


class RulesRead(BaseModel):
    weights: dict[Factor, int]
    limits: LimitsRead


class ChangeRead(BaseModel):
    """The request that applies the draft. A client that may change the programme sends it to profiles."""

    method: Literal["PATCH"] = "PATCH"
    path: str
    if_match: str = Field(description="Profiles answers 412 where the programme changed since the comparison")
    body: RulesRead


class ResultRead(BaseModel):
    """Counts are of the mentees and mentors of the institution that owns the programme."""

    rules: dict[Literal["today", "draft"], RulesRead]
    figures: dict[Literal["today", "draft"], Figures]
    churn: Churn
    change: ChangeRead


class SimulationRead(BaseModel):
    id: str
    programme: str
    state: SimulationState = Field(description="`applied`: the programme has the draft's policy by now")
    began_at: datetime
    expires_at: datetime
    reason: DropReason | None = Field(default=None, description="Why it was dropped")
    result: ResultRead | None = None


def simulations_router(simulations: Simulations) -> APIRouter:
    routes = router(tags=["simulations"])

    @routes.post("/programmes/{programme}/rehearsals", status_code=202, responses=problems(404, 409))
    async def begin_simulation(
        programme: Id, body: NewSimulation, me: SignedIn, id: NewId, response: Response, _key: IdempotencyKey = None
    ) -> SimulationRead:
        """Compares the lists of the institution's own mentees under today's policy and the draft, in the background."""
        begun = await simulations.begin(me, programme, id=id, draft=_draft(body))
        response.headers["location"] = f"/rehearsals/{begun.id}"
        return _tagged(response, begun)

    @routes.get("/programmes/{programme}/rehearsals", responses=problems(404))
    async def list_simulations(
        programme: Id, me: SignedIn, *, cursor: str | None = None, limit: Limit = 50
    ) -> Page[SimulationRead]:
        """The newest first."""
        page = await simulations.of_programme(me, programme, before=moment_before(cursor), limit=limit)
        return page_of(page, _read, limit=limit, position=position)

    @routes.get("/rehearsals/{simulation}", responses=problems(404))
    async def see_simulation(simulation: Id, me: SignedIn, response: Response) -> SimulationRead:
        """`result.change` is the request to profiles that applies the draft; then the state becomes `applied`."""
        return _tagged(response, await simulations.see(me, simulation))

    @routes.post("/rehearsals/{simulation}/drop", responses=problems(404, 409, 412, 428))
    async def drop_simulation(
        simulation: Id, me: SignedIn, expected: ExpectedVersion, response: Response, _key: IdempotencyKey = None
    ) -> SimulationRead:
        """Ends the simulation. The programme stays as it is."""
        return _tagged(response, await simulations.drop(me, simulation, expected=expected))

    return routes


def _draft(body: NewSimulation) -> Draft:
    return Draft(weights=body.weights, list_length=body.limits.list_length, minimum_score=body.limits.minimum_score)


def _tagged(response: Response, simulation: Simulation) -> SimulationRead:
    return with_etag(response, simulation.version, _read(simulation))


def _read(simulation: Simulation) -> SimulationRead:
    result = simulation.result
    return SimulationRead(
        id=simulation.id,
        programme=simulation.programme,
        state=simulation.state,
        began_at=simulation.began_at,
        expires_at=simulation.expires_at,
        reason=simulation.reason,
        result=_result_read(result, simulation.programme) if result else None,
    )


def _result_read(result: Result, programme: str) -> ResultRead:
    comparison = result.comparison
    return ResultRead(
        rules={"today": _rules_read(result.today), "draft": _rules_read(result.draft)},
        figures={"today": comparison.today, "draft": comparison.draft},
        churn=comparison.churn,
        change=ChangeRead(
            path=f"/programmes/{programme}", if_match=etag(result.sequence), body=_rules_read(result.draft)
        ),
    )


def _rules_read(rules: Rules) -> RulesRead:
    limits = LimitsRead(list_length=rules.list_length, minimum_score=rules.minimum_score)
    return RulesRead(weights=dict(rules.weights), limits=limits)
