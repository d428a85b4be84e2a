"""Lifecycle of a round: opened, its participants frozen, solved, published or dropped. Each step is a new version.

The round is also the ledger: it names input, result and policy by hash, and the version of the solver.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from services.matching.rounds.domain.overlaps import RoundsSince, require_current
from services.matching.rounds.solver.files import Compared, Target
from services.matching.rounds.solver.floors import Floor
from shared.contracts.matching import RoundPublished
from shared.errors import Conflict, DomainError, FieldError, Rejected

RoundState = Literal["draft", "running", "pending", "publishing", "published", "dropped"]
OPEN: tuple[RoundState, ...] = ("draft", "running", "pending", "publishing")
"""A programme has at most one round in these states: two would assign the same seats."""
ATTEMPTS = 5
"""A round is given up after so many attempts, because each ended the process that worked on it."""
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
    """The members behind the pseudonyms; never leaves matching."""
    policy_sha256: str
    mentees: int
    mentors: int
    floors: tuple[Floor, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    input: File
    """The frozen input, for the target that was chosen last."""
    result: File
    solver: str
    figures: Compared


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    id: str
    institution: str
    """The institution that owns the programme."""
    programme: str
    target: Target
    list_length: int
    score_band: int
    compare: bool
    """Whether the figures of the other target are computed as well."""
    orders: File
    """The coordinator's wishes, pins and exclusions."""
    opened_at: datetime
    correlation: str
    """Correlation id of the request whose work is going on."""
    state: RoundState = "draft"
    version: int = 1
    attempts: int = 0
    frozen: Frozen | None = None
    solved: Solved | None = None
    published_at: datetime | None = None
    trouble: Trouble | None = None

    @property
    def files(self) -> tuple[File, ...]:
        """The files that are still needed."""
        frozen = (self.frozen.input, self.frozen.people) if self.frozen else ()
        return (self.orders, *frozen, *((self.solved.input, self.solved.result) if self.solved else ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Counts of places after publication."""

    mentees: int
    opened: int
    lapsed: int
    unmatched: int


def freeze(round: Round, frozen: Frozen) -> Round:
    _require(round, "draft")
    return _next(round, state="running", frozen=frozen)


def solve(round: Round, solved: Solved) -> Round:
    _require(round, "running")
    return _next(round, state="pending", solved=solved)


def choose(round: Round, target: Target, *, correlation: str) -> Round:
    """The same participants, to be solved for the other target."""
    _require(round, "pending")
    return _next(round, state="running", target=target, solved=None, attempts=0, correlation=correlation)


def require_alone(round: Round, open: Round) -> None:
    """Raises `Conflict` unless `open`, the programme's open round, is this one."""
    if open.id != round.id:
        do = "wait until it is published" if open.state == "publishing" else "publish or drop it first"
        raise Conflict("round_open", f"round {open.id} of this programme is {open.state}: {do}")


def publish(round: Round, since_freeze: RoundsSince, *, correlation: str) -> Round:
    """Raises `Conflict` where rounds published since the freeze left too few seats."""
    _require(round, "pending")
    require_current(since_freeze)
    return _next(round, state="publishing", correlation=correlation)


def finish(round: Round, outcome: Outcome, *, now: datetime) -> tuple[Round, RoundPublished]:
    _require(round, "publishing")
    if round.frozen is None or round.solved is None:
        raise LookupError(f"round {round.id} is being published without a result")
    event = RoundPublished(
        round=round.id,
        programme=round.programme,
        institution=round.institution,
        target=round.target,
        mentees=outcome.mentees,
        opened=outcome.opened,
        lapsed=outcome.lapsed,
        unmatched=outcome.unmatched,
        input_sha256=round.solved.input.sha256,
        result_sha256=round.solved.result.sha256,
        policy_sha256=round.frozen.policy_sha256,
        solver=round.solved.solver,
    )
    return _next(round, state="published", published_at=now), event


def drop(round: Round) -> Round:
    _require(round, *_DROPPABLE)
    return _next(round, state="dropped")


def fail(round: Round, wrong: DomainError) -> Round:
    """Drops a round whose orders can no longer be kept; `trouble` says which."""
    _require(round, "draft", "running")
    errors = wrong.errors if isinstance(wrong, Rejected) else ()
    return _next(round, state="dropped", trouble=Trouble(code=wrong.code, message=wrong.message, errors=errors))


def _require(round: Round, *states: RoundState) -> None:
    if round.state not in states:
        raise Conflict(
            f"round_not_{states[-1]}", f"this needs a round that is {_or(states)}; this one is {round.state}"
        )


def _or(states: Iterable[str]) -> str:
    return " or ".join(states)


def _next(round: Round, **changed: Any) -> Round:
    return replace(round, version=round.version + 1, **changed)
