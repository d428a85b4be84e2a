"""States of a round: opened, its people frozen, solved, reviewed, published or dropped.

A round names what it was made from and what it led to by hash, and the policy and code that made it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal

from services.matching.jobs.domain import Job
from services.matching.kernel.pairs import Party
from services.matching.rounds.domain.overlaps import RoundsSince, require_current
from services.matching.rounds.solver.files import Compared, Target
from services.matching.rounds.solver.floors import Floor
from shared.contracts.matching import RoundPublished
from shared.errors import Conflict, DomainError, FieldError, Rejected

RoundState = Literal["draft", "running", "pending", "publishing", "published", "dropped"]
OPEN: tuple[RoundState, ...] = ("draft", "running", "pending", "publishing")
"""A programme has one such round at a time: two would give the same seats to the same people."""
_DROPPABLE: tuple[RoundState, ...] = ("draft", "running", "pending")


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A stored file."""

    key: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why a round was dropped automatically."""

    code: str
    message: str
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """The participants, and the input to solve."""

    at: datetime
    input: File
    people: File
    """The member behind each pseudonym; never leaves the service."""
    policy_sha256: str
    mentees: int
    mentors: int
    floors: tuple[Floor, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedMentor:
    """A mentor who gets nobody in the round, because fewer mentees than their minimum group size would come."""

    mentor: Party
    least_group: int
    would_come: int
    """Mentees who prefer this mentor to what the round gives them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    input: File
    """The frozen input, for the target that was chosen last."""
    result: File
    solver: str
    figures: Compared
    closed: tuple[ClosedMentor, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Round(Job):
    NAME: ClassVar[str] = "round"
    CODE_PREFIX: ClassVar[str] = "round"
    QUEUED: ClassVar[tuple[str, ...]] = ("draft", "running")
    target: Target
    list_length: int
    score_band: int
    compare: bool
    """Whether the other target's figures are computed as well."""
    orders: File
    """The coordinator's wishes, pins and exclusions."""
    correlation: str
    """Of the coordinator's last command."""
    state: RoundState = "draft"
    frozen: Frozen | None = None
    solved: Solved | None = None
    published_at: datetime | None = None
    trouble: Trouble | None = None

    @property
    def files(self) -> tuple[File, ...]:
        """The files that must be kept."""
        frozen = (self.frozen.input, self.frozen.people) if self.frozen else ()
        return (self.orders, *frozen, *((self.solved.input, self.solved.result) if self.solved else ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Counts of places after publication."""

    opened: int
    lapsed: int
    unmatched: int


def freeze(round: Round, frozen: Frozen) -> Round:
    round.require("draft")
    return round.changed(state="running", frozen=frozen)


def solve(round: Round, solved: Solved) -> Round:
    round.require("running")
    return round.changed(state="pending", solved=solved)


def choose(round: Round, target: Target, *, correlation: str) -> Round:
    """The same people, solved for the other target."""
    round.require("pending")
    return round.changed(state="running", target=target, solved=None, attempts=0, correlation=correlation)


def require_alone(round: Round, open: Round) -> None:
    """`open` is the programme's open round, which may be this round."""
    if open.id != round.id:
        do = "wait until it is published" if open.state == "publishing" else "publish or drop it first"
        raise Conflict("round_open", f"round {open.id} of this programme is {open.state}: {do}")


def publish(round: Round, since_freeze: RoundsSince, *, correlation: str) -> Round:
    """Raises `Conflict` where rounds published since its people were frozen have left too few seats."""
    round.require("pending")
    require_current(since_freeze)
    return round.changed(state="publishing", correlation=correlation)


def finish(round: Round, outcome: Outcome, *, now: datetime) -> tuple[Round, RoundPublished]:
    round.require("publishing")
    if round.frozen is None or round.solved is None:
        raise LookupError(f"round {round.id} is being published without a result")
    event = RoundPublished(
        round=round.id,
        programme=round.programme,
        institution=round.institution,
        target=round.target,
        mentees=round.frozen.mentees,
        opened=outcome.opened,
        lapsed=outcome.lapsed,
        unmatched=outcome.unmatched,
        input_sha256=round.solved.input.sha256,
        result_sha256=round.solved.result.sha256,
        policy_sha256=round.frozen.policy_sha256,
        solver=round.solved.solver,
    )
    return round.changed(state="published", published_at=now), event


def drop(round: Round) -> Round:
    round.require(*_DROPPABLE)
    return round.changed(state="dropped")


def fail(round: Round, wrong: DomainError) -> Round:
    """Its orders cannot be kept any more; the errors name them."""
    round.require("draft", "running")
    errors = wrong.errors if isinstance(wrong, Rejected) else ()
    return round.changed(state="dropped", trouble=Trouble(code=wrong.code, message=wrong.message, errors=errors))
