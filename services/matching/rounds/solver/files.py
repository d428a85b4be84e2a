"""Models of a round's input and result files; docs/schemas has their JSON Schemas.

The files hold pseudonyms, ranks and capacities. Forbidden pairs are absent; a coordinator's pins and exclusions are
named. Every number is whole, so that every reader of JSON reads the same.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass

from services.matching.rounds.solver import canonical
from shared.contracts.descriptions import Described
from shared.contracts.payload import Id, Slug
from shared.errors import FieldError, Rejected
from shared.refusals import worded

Target = Literal["fit", "coverage"]
Whole = Annotated[int, Field(strict=True, ge=0, le=2**53 - 1)]
Rank = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
Score = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
Wanted = Annotated[int, Field(strict=True, ge=1, le=10)]
Seats = Annotated[int, Field(strict=True, ge=0, le=10_000)]
Days = Annotated[int, Field(strict=True, ge=0, le=36_500)]
Weight = Annotated[int, Field(strict=True, ge=0, le=100)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Flag = Annotated[bool, Field(strict=True)]

_CLOSED = ConfigDict(extra="forbid", defer_build=True)
_MOST_ERRORS = 20


def _is_empty(listed: Sequence[object]) -> bool:
    return not listed


def _is_none(value: object) -> bool:
    return value is None


class _File(Described, BaseModel):
    model_config = ConfigDict(frozen=True, **_CLOSED)


_AFile = TypeVar("_AFile", bound=_File)


@dataclass(frozen=True, slots=True, kw_only=True, config=_CLOSED)
class Wish(Described):
    """A pair that may be matched. A mentee's wishes may be in any order: the ranks count."""

    mentor: Id
    rank: Rank
    """The mentee's rank of this mentor, 1 is best. Ties are broken by a lot (docs/rounds.md)."""
    mentor_rank: Rank
    """The mentor's rank of this mentee, 1 is best; ties as above."""
    score: Score
    """How well the two fit. Coverage maximizes the sum; fit uses ranks only."""


class Mentee(_File):
    id: Id
    institution: Id
    mentors_wanted: Annotated[Wanted, Field(exclude_if=lambda wanted: wanted == 1)] = 1
    """How many mentors the mentee wants. Nobody gets a second one before everybody's first is decided."""
    has_mentor: Annotated[Flag, Field(exclude_if=lambda has_mentor: not has_mentor)] = False
    """The mentee has a mentor already and takes part from the second turn on; `mentors_wanted` are further mentors."""
    waiting_days: Days = 0
    """Unmatched mentees are listed by their wait, the longest first."""
    wishes: tuple[Wish, ...] = ()


class Mentor(_File):
    id: Id
    institution: Id
    capacity: Seats
    least_group: Annotated[Seats, Field(exclude_if=lambda least: least == 0)] = 0
    """The mentor takes at least so many mentees, or none. At most `capacity`."""


class Pair(_File):
    mentee: Id
    mentor: Id


class Ceiling(_File):
    """At most `at_most` mentees of the one institution wish for mentors of the other, so no matching has more pairs."""

    mentee_institution: Id
    mentor_institution: Id
    at_most: Seats


class Policy(_File):
    """The settings that the wishes were made with. Recorded; only `list_length` is checked again."""

    id: Slug
    list_length: Annotated[int, Field(strict=True, ge=1, le=1_000)] = 20
    """The most wishes of a mentee; stability is claimed for these lists."""
    score_band: Score = 0
    """Mentors rank by bands of score of this width; 0: by exact scores."""
    weights: Mapping[Slug, Weight] = {}


class RoundInput(_File):
    """A frozen round."""

    format: Literal["preceptor-round-input/1"]
    round: Id
    """The round's id. Lots are drawn from it, so another round draws other lots."""
    target: Target
    """`fit`: a stable matching. `coverage`: the most matched mentees, then the greatest total score."""
    compare: Flag = True
    """Whether the result has the figures of the other target as well."""
    policy: Policy
    mentors: tuple[Mentor, ...]
    mentees: tuple[Mentee, ...]
    pins: tuple[Pair, ...] = ()
    """Pairs that a coordinator fixed. Each must be among its mentee's wishes."""
    exclusions: tuple[Pair, ...] = ()
    """Pairs that a coordinator keeps apart."""
    exchanges: tuple[Ceiling, ...] = ()
    """Ceilings between institutions. The field is absent where there is none."""

    def file(self) -> bytes:
        """The canonical form and a line feed."""
        none = set() if self.exchanges else {"exchanges"}
        return canonical.text(self.model_dump(mode="json", exclude=none)) + b"\n"


Why = Literal["outranked", "outweighed", "excluded", "pinned", "closed", "seats_pinned", "too_few", "taken"]
Reason = Literal["no_wishes", "excluded", "closed", "too_few", "outranked", "outweighed"]


@dataclass(frozen=True, slots=True, kw_only=True, config=_CLOSED)
class Better(Described):
    """A wish that the mentee prefers to the outcome, and why it does not block."""

    mentor: Id
    why: Why
    """`outranked` (fit): every seat without a pin is held by a mentee whom the mentor ranks higher. `outweighed`
    (coverage): the total would not rise. `excluded`: by a coordinator. `pinned`: the mentee is pinned elsewhere.
    `closed`: capacity 0. `seats_pinned`: every seat is pinned. `too_few`: the mentor's minimum group size was not
    reached (`closed` of the result). `taken`: an earlier turn took every seat."""
    margin: Whole | None
    """`outranked`: how many positions of the mentor's order the mentee is behind the last mentee who is held.
    `outweighed`: by how much price and gain exceed the value of this wish. Null for the others."""


class MenteeResult(_File):
    id: Id
    mentor: Id | None
    place: Rank | None
    """1 for a first choice; ties share a number."""
    pinned: Flag
    gain: Whole | None
    """Coverage: the dual value. Null for fit."""
    better: tuple[Better, ...]
    """Every wish preferred to the outcome, the best first; every wish of an unmatched mentee."""


class MentorResult(_File):
    id: Id
    mentees: tuple[Id, ...]
    """In the mentor's order."""
    price: Whole | None
    """Coverage: the dual value of a seat. Null for fit."""


@dataclass(frozen=True, slots=True, kw_only=True, config=_CLOSED)
class Opening(Described):
    mentor: Id
    seats: Rank
    """Can exceed what a mentor may have: one more than the mentees who are ranked higher and prefer this mentor."""


class Unmatched(_File):
    mentee: Id
    position: Rank
    """1 for the longest wait; equal days are ordered by a lot."""
    waiting_days: Days
    reason: Reason
    opens: tuple[Opening, ...]
    """What would change it, the fewest seats first. Fit: with so many more seats at this mentor, the mentee is matched
    for certain. Coverage: with one more seat there, one more mentee is matched."""


class ClosedMentor(_File):
    """A mentor who takes nobody, because the minimum group size was not reached."""

    mentor: Id
    least_group: Seats
    held: Seats
    """The mentees in the pass that closed this mentor."""
    closed_in_pass: Rank
    """1 for those who were closed first."""
    would_come: Whole
    """Mentees who prefer this mentor to what they have, or have fewer mentors than they want. Where every mentee wants
    one mentor and the target is fit, fewer than `least_group` prove that this mentor alone cannot be opened again."""


class Turn(_File):
    """A further turn: mentees who want one more mentor and got one in the turn before, in the second turn also those
    who have a mentor already, and the seats that are left.
    """

    mentees: tuple[MenteeResult, ...]
    """`better` leaves out the mentors of earlier turns. Sorted by id, as are `mentors`."""
    mentors: tuple[MentorResult, ...]


class OtherPair(_File):
    mentee: Id
    mentor: Id
    gain: Whole | None
    """Coverage: the dual value; that of a mentee without a mentor, or with a pin, is 0. Null for fit."""


class OtherPrice(_File):
    mentor: Id
    price: Whole


class OtherTurn(_File):
    pairs: tuple[OtherPair, ...]
    """Sorted by mentee, as `prices` by mentor."""
    prices: tuple[OtherPrice, ...]
    """Coverage: the prices of seats that are not 0."""


class Other(_File):
    """What the other target gives: proves its figures."""

    bonus: Whole | None
    closed: Annotated[tuple[ClosedMentor, ...], Field(exclude_if=_is_empty)] = ()
    turns: tuple[OtherTurn, ...]


class Flow(_File):
    mentee_institution: Id
    mentor_institution: Id
    pairs: Rank


class Figures(_File):
    mentees: Whole
    """Mentees of the first turn."""
    matched: Whole
    """Those of them with a mentor."""
    pairs: Annotated[Whole | None, Field(exclude_if=_is_none)] = None
    """Absent where no mentee wants more than one mentor or has one already."""
    first_choices: Whole
    mean_place_thousandths: Whole
    """Of the pairs; rounded half up; 0 where there is none."""
    load_gini_thousandths: Whole
    """Of the mentees of each mentor who has a seat; 0 where all have equally many."""
    score: Whole
    """The sum over the pairs."""
    flow: tuple[Flow, ...]


class Compared(_File):
    fit: Figures | None
    coverage: Figures | None


class InputHashes(_File):
    sha256: Sha256
    """Of the canonical form of the input."""
    file_sha256: Sha256
    """Of the bytes of the file that was read."""


class RoundResult(_File):
    """The result of a round and its certificate. Checked by `./dev verify input.json result.json`."""

    format: Literal["preceptor-round-result/1"]
    round: Id
    target: Target
    solver: Slug
    """The version of the solver: the same input and version give the same bytes."""
    policy: Slug
    input: InputHashes
    bonus: Whole | None
    """Coverage: the value of a match beyond its score; exceeds the sum of all scores. Null for fit."""
    mentees: tuple[MenteeResult, ...]
    """Sorted by id, as are `mentors`."""
    mentors: tuple[MentorResult, ...]
    unmatched: tuple[Unmatched, ...]
    """Sorted by position."""
    further: Annotated[tuple[Turn, ...], Field(exclude_if=_is_empty)] = ()
    """Absent where no mentee takes part in a second turn; `mentees` and `mentors` are the first turn."""
    closed: Annotated[tuple[ClosedMentor, ...], Field(exclude_if=_is_empty)] = ()
    """In the order of closing; absent where there is none."""
    other: Annotated[Other | None, Field(exclude_if=_is_none)] = None
    """Absent from results without comparison, and from those of `preceptor-rounds-1`."""
    figures: Compared
    sha256: Sha256
    """Of the canonical form of all other fields."""

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The first turn, and the further ones."""
        return (Turn(mentees=self.mentees, mentors=self.mentors), *self.further)

    @classmethod
    def sealed(cls, **content: Any) -> Self:
        unsealed = cls(sha256="0" * 64, **content)
        return unsealed.model_copy(update={"sha256": canonical.sha256(unsealed._content())})

    def _content(self) -> bytes:
        return canonical.text(self.model_dump(mode="json", exclude={"sha256"}))

    def file(self) -> bytes:
        """The canonical form and a line feed."""
        return canonical.text(self.model_dump(mode="json")) + b"\n"


def read_input(content: bytes) -> RoundInput:
    """Raises `Rejected` with a JSON pointer to each wrong value. `checks` finds contradictions."""
    return parsed_input(canonical.loaded(content, what="the input"))


def parsed_input(value: Any) -> RoundInput:
    """`value` is loaded JSON. Raises as `read_input`."""
    return _parsed(RoundInput, value, what="input")


def read_result(content: bytes) -> RoundResult:
    """Raises `Rejected` as `read_input` does. The verifier checks the result."""
    return _parsed(RoundResult, canonical.loaded(content, what="the result"), what="result")


def _parsed(kind: type[_AFile], value: Any, *, what: str) -> _AFile:
    try:
        return kind.model_validate(value)
    except ValidationError as invalid:
        raise Rejected(
            f"{what}_invalid",
            f"this is not the {what} of a round: see errors, and docs/schemas/round-{what}.schema.json",
            tuple(
                FieldError(canonical.pointer(error["loc"]), worded(error))
                for error in invalid.errors(include_url=False, include_input=False)[:_MOST_ERRORS]
            ),
        ) from None
