"""The two files that leave a round, as models: what their JSON Schemas in docs/schemas are made of.

Pseudonyms, ranks and capacities; forbidden pairs are simply absent; pins and exclusions are a coordinator's and named.
Every number is whole: no file can hold one that two readers read differently.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass

from services.matching.rounds.solver import canonical
from shared.contracts.payload import Id, Slug
from shared.errors import FieldError, Rejected
from shared.refusals import worded

Target = Literal["fit", "coverage"]
Whole = Annotated[int, Field(strict=True, ge=0, le=2**53 - 1)]
Rank = Annotated[int, Field(strict=True, ge=1, le=1_000_000)]
Score = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
Seats = Annotated[int, Field(strict=True, ge=0, le=10_000)]
Days = Annotated[int, Field(strict=True, ge=0, le=36_500)]
Weight = Annotated[int, Field(strict=True, ge=0, le=100)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Flag = Annotated[bool, Field(strict=True)]

_CLOSED = ConfigDict(extra="forbid", use_attribute_docstrings=True)
_MOST_ERRORS = 20


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, **_CLOSED)


_AFile = TypeVar("_AFile", bound=_File)


@dataclass(frozen=True, slots=True, kw_only=True, config=_CLOSED)
class Wish:
    """One pair that may be matched. Those of a mentee may stand in any order: ranks count."""

    mentor: Id
    rank: Rank
    """The mentee's of this mentor, 1 is best. Equal ranks are put in order by a lot (docs/rounds.md)."""
    mentor_rank: Rank
    """The mentor's of this mentee, 1 is best; equal ranks as above."""
    score: Score
    """How well the two fit. Coverage adds it up; fit looks at ranks only."""


class Mentee(_File):
    id: Id
    institution: Id
    waiting_days: Days = 0
    """Who waits longest stands first among the unmatched."""
    wishes: tuple[Wish, ...] = ()


class Mentor(_File):
    id: Id
    institution: Id
    capacity: Seats


class Pair(_File):
    mentee: Id
    mentor: Id


class Ceiling(_File):
    """At most so many mentees of the one institution have wishes for mentors of the other: no matching has more."""

    mentee_institution: Id
    mentor_institution: Id
    at_most: Seats


class Policy(_File):
    """By what the wishes were made. Recorded; only `list_length` is checked again."""

    id: Slug
    list_length: Annotated[int, Field(strict=True, ge=1, le=1_000)] = 20
    """No mentee has more wishes; stability is claimed for these lists."""
    score_band: Score = 0
    """Mentors tell scores apart only where they differ by this much; 0: as they are."""
    weights: Mapping[Slug, Weight] = {}


class RoundInput(_File):
    """A round, frozen."""

    format: Literal["preceptor-round-input/1"]
    round: Id
    """Its id: lots are drawn from it, so another round draws other lots."""
    target: Target
    """`fit`: no pair would rather have each other. `coverage`: most people matched, then the greatest total score."""
    compare: Flag = True
    """Whether the result has the other target's figures as well."""
    policy: Policy
    mentors: tuple[Mentor, ...]
    mentees: tuple[Mentee, ...]
    pins: tuple[Pair, ...] = ()
    """Pairs that a coordinator fixes. Each must be among its mentee's wishes."""
    exclusions: tuple[Pair, ...] = ()
    """Pairs that a coordinator keeps apart."""
    exchanges: tuple[Ceiling, ...] = ()
    """Where two institutions agreed on a ceiling. Left out where there is none."""

    def file(self) -> bytes:
        """What the file holds: the canonical form and a line's end."""
        none = set() if self.exchanges else {"exchanges"}
        return canonical.text(self.model_dump(mode="json", exclude=none)) + b"\n"


Why = Literal["outranked", "outweighed", "excluded", "pinned", "closed", "seats_pinned"]
Reason = Literal["no_wishes", "excluded", "closed", "outranked", "outweighed"]


@dataclass(frozen=True, slots=True, kw_only=True, config=_CLOSED)
class Better:
    """A wish that its mentee would have liked better than the outcome, and why it does not block."""

    mentor: Id
    why: Why
    """`outranked` (fit): every free seat is held by people whom the mentor ranks higher. `outweighed` (coverage): the
    total would not rise. `excluded`: by a coordinator. `pinned`: the mentee is, elsewhere. `closed`: capacity 0.
    `seats_pinned`: every seat is."""
    margin: Whole | None
    """`outranked`: how many places of the mentor's order the mentee stands behind the last who is held. `outweighed`:
    how much price and gain exceed the worth of this wish. Null for the others."""


class MenteeResult(_File):
    id: Id
    mentor: Id | None
    place: Rank | None
    """1 for a first choice; equal ranks share a place."""
    pinned: Flag
    gain: Whole | None
    """Coverage: the dual value. Null for fit."""
    better: tuple[Better, ...]
    """Every wish before the outcome, the best first; of who is unmatched, every wish."""


class MentorResult(_File):
    id: Id
    mentees: tuple[Id, ...]
    """In the mentor's order."""
    price: Whole | None
    """Coverage: the dual value of one seat. Null for fit."""


@dataclass(frozen=True, slots=True, kw_only=True, config=_CLOSED)
class Opening:
    mentor: Id
    seats: Rank
    """May be more than a mentor can have: one for each who stands higher and would rather come."""


class Unmatched(_File):
    mentee: Id
    position: Rank
    """Who waits longest is first; equal days are ordered by a lot."""
    waiting_days: Days
    reason: Reason
    opens: tuple[Opening, ...]
    """What would change it, the least first. Fit: with so many more seats there, this mentee is matched for certain.
    Coverage: with one more seat there, one more person is matched."""


class Flow(_File):
    mentee_institution: Id
    mentor_institution: Id
    pairs: Rank


class Figures(_File):
    mentees: Whole
    matched: Whole
    first_choices: Whole
    mean_place_thousandths: Whole
    """Of the matched; rounded half up; 0 where nobody is matched."""
    load_gini_thousandths: Whole
    """Of people held by each mentor who has a seat; 0 where all hold as many."""
    score: Whole
    """The total of the pairs."""
    flow: tuple[Flow, ...]


class Compared(_File):
    fit: Figures | None
    coverage: Figures | None


class InputHashes(_File):
    sha256: Sha256
    """Of its canonical form."""
    file_sha256: Sha256
    """Of the bytes that were read."""


class RoundResult(_File):
    """What a round led to, with what proves it. Checked by `./dev verify input.json result.json`."""

    format: Literal["preceptor-round-result/1"]
    round: Id
    target: Target
    solver: Slug
    """The version of the code: the same input and solver give the same bytes."""
    policy: Slug
    input: InputHashes
    bonus: Whole | None
    """Coverage: what a match is worth above its score, more than all scores together. Null for fit."""
    mentees: tuple[MenteeResult, ...]
    """By id, as are mentors."""
    mentors: tuple[MentorResult, ...]
    unmatched: tuple[Unmatched, ...]
    """By position."""
    figures: Compared
    sha256: Sha256
    """Of the canonical form of everything else here."""

    @classmethod
    def sealed(cls, **content: Any) -> Self:
        unsealed = cls(sha256="0" * 64, **content)
        return unsealed.model_copy(update={"sha256": canonical.sha256(unsealed._content())})

    def _content(self) -> bytes:
        return canonical.text(self.model_dump(mode="json", exclude={"sha256"}))

    def file(self) -> bytes:
        """What the file holds: the canonical form and a line's end."""
        return canonical.text(self.model_dump(mode="json")) + b"\n"


def read_input(content: bytes) -> RoundInput:
    """Raises `Rejected` with a JSON pointer to each wrong place. Whether it makes sense is for `checks`."""
    return understood(canonical.loaded(content, what="the input"))


def understood(value: Any) -> RoundInput:
    """As `read_input`, of JSON that was loaded."""
    return _understood(RoundInput, value, what="input")


def read_result(content: bytes) -> RoundResult:
    """Raises `Rejected` as `read_input` does. Whether it holds is for the verifier."""
    return _understood(RoundResult, canonical.loaded(content, what="the result"), what="result")


def _understood(kind: type[_AFile], value: Any, *, what: str) -> _AFile:
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
