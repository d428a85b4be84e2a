"""What matching knows of institutions, programmes and people."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from shared.contracts.profiles import (
    DEFAULT_WEIGHTS,
    FACTORS,
    Factor,
    Format,
    Separation,
    Stage,
    Style,
    programme_weights,
)

Weights = tuple[int, ...]
"""One integer from 0 to 100 for each of FACTORS, in their order."""

USUAL = 50
"""As content as mentees are on the whole; what is said where nobody knows better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What an institution says of one that it exchanges with. A seat is given by the mentor's institution."""

    gives: bool = True
    receives: bool = True
    ceiling: int | None = None
    """So many seats may be given at a time, all programmes together."""
    floor: int = 0
    """So many are meant to be."""


ANY_TERMS = Terms()
Exchange = tuple[str, str]
"""The mentees' institution, and the mentors', which gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Institution:
    id: str
    sequence: int = 1
    is_active: bool = True
    exchanges_with: frozenset[str] = frozenset()
    terms: Mapping[str, Terms] = field(default_factory=dict)
    """By partner; of those that have any."""

    def terms_with(self, partner: str) -> Terms | None:
        """None: it does not exchange with this one."""
        return self.terms.get(partner, ANY_TERMS) if partner in self.exchanges_with else None

    def gives(self, partner: str) -> bool:
        terms = self.terms_with(partner)
        return terms is not None and terms.gives

    def receives(self, partner: str) -> bool:
        terms = self.terms_with(partner)
        return terms is not None and terms.receives


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    id: str
    institution: str
    sequence: int = 1
    is_active: bool = True
    admits: frozenset[str] = frozenset()
    weights: Mapping[Factor, int] = field(default_factory=dict)
    list_length: int = 10
    minimum_score: int = 0
    repair_by_itself_up_to: int = 0
    separation_days: Mapping[str, Separation] = field(default_factory=dict)
    """By reason for closing a mentoring; where it says nothing, the default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """The public half of a person; an erased one is an inactive one of whom nothing else is known."""

    id: str
    institution: str
    sequence: int = 1
    is_active: bool = True
    is_paused: bool = False
    mentors_in: frozenset[str] = frozenset()
    mentee_in: frozenset[str] = frozenset()
    stage: Stage | None = None
    specialty: str | None = None
    topics_offered: frozenset[str] = frozenset()
    topics_wanted: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    formats: frozenset[Format] = frozenset()
    time_zone: str = "UTC"
    hours: int = 0
    capacity: int = 0
    style: Style | None = None
    available: frozenset[str] = frozenset()
    reverse_mentoring: bool = False
    across_institutions: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """The private half: shown to nobody, and told to nobody by what the other half shows."""

    member: str
    sequence: int = 0
    never: frozenset[str] = frozenset()
    weights: Mapping[Factor, int] = field(default_factory=dict)
    topics_most_wanted: frozenset[str] = frozenset()
    identity: frozenset[str] = frozenset()
    wishes_shared_identity: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Bond:
    """What a relationship or a request does to lists, under its id: takes a seat, keeps the two apart; or it asks."""

    id: str
    mentee: str
    mentor: str
    sequence: int
    exchange: Exchange | None = None
    """Of two institutions' people."""
    programme: str | None = None
    takes_seat: bool = False
    keeps_apart: bool = False
    both_ways: bool = False
    """Keeps them apart whichever of the two is the mentor."""
    asks: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """Who assesses whom, under its rotation's id, and the programmes in which that keeps the two apart now."""

    id: str
    assessor: str
    assessed: str
    sequence: int
    programmes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Experience:
    """How content a mentor's past mentees were, in few steps. What any one of them said is not in it."""

    mentor: str
    sequence: int
    level: int = USUAL

    @property
    def id(self) -> str:
        return self.mentor


@dataclass(frozen=True, slots=True)
class Person:
    member: Member
    private: Preferences
    taken: int = 0
    """Seats of theirs that mentees have."""
    kept_from: frozenset[str] = frozenset()
    """Mentors not suggested to them now: who mentors them already, who declined them lately, and with whom a mentoring
    was closed not long ago.
    """
    firewall: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By programme: who assesses them, or is assessed by them, as far as it counts there now."""
    experience: int = USUAL
    """Of their mentees, when they were the mentor: 0 to 100."""
    asked: int = 0
    """Requests that wait for their answer."""
    may_ask_again: frozenset[str] = frozenset()
    """Those of `kept_from` whom they may ask all the same: a mentoring that ended well is all that keeps them apart."""

    @property
    def id(self) -> str:
        return self.member.id

    @property
    def topics_most_wanted(self) -> frozenset[str]:
        return self.member.topics_wanted & self.private.topics_most_wanted

    @property
    def identity_wish(self) -> frozenset[str]:
        """Any of which a mentor may share; empty where the mentee does not ask."""
        return self.private.identity if self.private.wishes_shared_identity else frozenset()


@dataclass(frozen=True, slots=True)
class Policy:
    """A programme, and the institutions whose people it may bring together."""

    programme: Programme
    institutions: Mapping[str, Institution]
    given: Mapping[Exchange, int] = field(default_factory=dict)
    """Seats taken across institutions now, in all programmes; at least where there is a ceiling."""

    def admits(self, institution: str) -> bool:
        known = self.institutions.get(institution)
        return known is not None and known.is_active and institution in self.programme.admits

    def exchanges(self, mentees: str, mentors: str) -> bool:
        """Whether the one's mentees may have the other's mentors; the members' own opt-in comes on top."""
        if not (self.admits(mentees) and self.admits(mentors)):
            return False
        if mentees == mentors:
            return True
        return self.institutions[mentees].receives(mentors) and self.institutions[mentors].gives(mentees)

    def partners(self, institution: str) -> frozenset[str]:
        """With whom its people might be brought together: itself, and those it names."""
        known = self.institutions.get(institution)
        return known.exchanges_with | {institution} if known else frozenset()

    def ceiling(self, exchange: Exchange) -> int | None:
        """None: any number of seats."""
        mentees, mentors = exchange
        giver = self.institutions.get(mentors) if mentees != mentors else None
        terms = giver.terms_with(mentees) if giver else None
        return terms.ceiling if terms else None

    def left(self, exchange: Exchange) -> int | None:
        """Seats below the ceiling."""
        ceiling = self.ceiling(exchange)
        return None if ceiling is None else max(0, ceiling - self.given.get(exchange, 0))

    def after(self, entered: Iterable[Exchange]) -> "Policy":
        """As it is when these have taken a seat each."""
        return replace(self, given=Counter(self.given) + Counter(entered))

    def is_full(self, exchange: Exchange) -> bool:
        return self.left(exchange) == 0

    def capped(self, exchanges: Iterable[Exchange]) -> list[Exchange]:
        """Those that have a ceiling."""
        return [one for one in exchanges if self.ceiling(one) is not None]


def weights_for(mentee: Person, programme: Programme) -> Weights:
    """The mentee's own over the programme's over the defaults; identity by the mentee's wish only."""
    identity: Mapping[Factor, int] = {"identity": DEFAULT_WEIGHTS["identity"]}
    merged = {**programme_weights(programme.weights), **identity, **mentee.private.weights}
    if not mentee.identity_wish:
        merged["identity"] = 0
    return tuple(max(0, min(100, merged[factor])) for factor in FACTORS)
