"""The mapping's `round`: what a round needs and a roster does not contain."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from deploy.rounds.refusals import refused
from services.matching.rounds.solver.canonical import pointer
from services.matching.rounds.solver.files import Target
from shared.contracts.payload import Id, Slug
from shared.contracts.profiles import Factor
from shared.refusals import worded
from shared.spreadsheets.mapping import Column
from shared.spreadsheets.packages import MAX_COLUMNS

_Columns = Annotated[tuple[Column, ...], Field(max_length=MAX_COLUMNS)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Choice(_Strict):
    """Where a file names the people whom somebody chose: by address, staff number or name."""

    columns: _Columns = ()
    """The first choice first. Empty cells are skipped."""
    split: Annotated[str, Field(min_length=1, max_length=5)] | None = None
    """The separator of several choices in one cell."""
    grid: _Columns = ()
    """Columns that are named after a person each; their cells are the ranks."""

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, given: Any) -> Any:
        return {"columns": given} if isinstance(given, list) else given

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.grid and self.columns:
            raise ValueError("must have columns or grid, not both")
        return self

    @property
    def read(self) -> tuple[str, ...]:
        return (*self.columns, *self.grid)


class Choices(_Strict):
    mentees: Choice = Choice()
    mentors: Choice = Choice()


class Plan(_Strict):
    id: Id
    programme: Id
    """The programme whose enrolments count."""
    policy: Slug = "default"
    target: Target = "fit"
    list_length: Annotated[int, Field(ge=1, le=1_000)] = 20
    score_band: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    weights: Mapping[Factor, Annotated[int, Field(ge=0, le=100)]] = {}
    choices: Choices = Choices()
    waiting_days: Column | None = None
    """A column of the mentees' file."""


def plan_of(loaded: Any) -> Plan:
    """Takes the plan out of a loaded mapping, which leaves the mapping of a roster. Raises `Rejected`."""
    if not isinstance(loaded, dict) or "round" not in loaded:
        raise refused("mapping", ("round", "the mapping must say which round it is for: round: {id: …, programme: …}"))
    given = loaded.pop("round")
    try:
        plan = Plan.model_validate(given)
    except ValidationError as invalid:
        errors = invalid.errors(include_input=False, include_url=False)
        raise refused("mapping", *(("round" + pointer(error["loc"]), worded(error)) for error in errors)) from None
    if "identity" in plan.weights:
        raise refused("mapping", ("round/weights/identity", "counts by a person's own wish only: leave it out"))
    return plan
