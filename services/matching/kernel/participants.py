"""Institutions, programmes and members as matching knows them, and the policy of a programme."""

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
"""Level of average satisfaction; the default for mentors without feedback."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """An institution's terms with a partner. A seat is given by the mentor's institution."""

    gives: bool = True
    receives: bool = True
    ceiling: int | None = None
    """Maximum number of seats given at a time, over all programmes; None for no limit."""
    floor: int = 0
    """Number of seats that the institution aims to give; reported, not enforced."""


ANY_TERMS = Terms()
Exchange = tuple[str, str]
"""The mentees' institution and the mentors' institution; the latter gives the seats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Institution:
    id: str
    sequence: int = 1
    is_active: bool = True
    exchanges_with: frozenset[str] = frozenset()
    terms: Mapping[str, Terms] = field(default_factory=dict)
    """By partner; partners without terms are left out."""

    def terms_with(self, partner: str) -> Terms | None:
        """None where the institution does not exchange with this partner."""
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
    """By closing reason; the contract's defaults apply to reasons that are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """The public part of a profile, with topics and specialty by their meaning in the network's vocabulary. An erased
    member is inactive and has no other data.
    """

    id: str
    institution: str
    sequence: int = 1
    revision: int = 0
    """Of the vocabulary by which the topics were resolved."""
    is_active: bool = True
    is_paused: bool = False
    mentors_in: frozenset[str] = frozenset()
    mentee_in: frozenset[str] = frozenset()
    stage: Stage | None = None
    specialty: str | None = None
    topics_offered: frozenset[str] = frozenset()
    topics_near: frozenset[str] = frozenset()
    """Broader and narrower topics of those offered, without these: as a mentor, each counts half."""
    topics_wanted: frozenset[str] = frozenset()
    known_as: Mapping[str, str] = field(default_factory=dict)
    """Terms by the names under which the member wrote them, where the two differ."""
    languages: frozenset[str] = frozenset()
    formats: frozenset[Format] = frozenset()
    time_zone: str = "UTC"
    hours: int = 0
    capacity: int = 0
    least_group: int = 0
    """As a mentor: a round gives at least so many mentees, or none."""
    mentors_wanted: int = 1
    """As a mentee: mentors at a time, in each programme."""
    style: Style | None = None
    available: frozenset[str] = frozenset()
    reverse_mentoring: bool = False
    across_institutions: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """The private part of a profile: never shown, and not to be inferred from what is shown."""

    member: str
    sequence: int = 0
    never: frozenset[str] = frozenset()
    weights: Mapping[Factor, int] = field(default_factory=dict)
    topics_most_wanted: frozenset[str] = frozenset()
    identity: frozenset[str] = frozenset()
    wishes_shared_identity: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Bond:
    """How a relationship or a request affects lists: it takes a seat, keeps the two apart, or is a pending request."""

    id: str
    mentee: str
    mentor: str
    sequence: int
    exchange: Exchange | None = None
    """None where both belong to the same institution."""
    programme: str | None = None
    takes_seat: bool = False
    keeps_apart: bool = False
    both_ways: bool = False
    """Keeps them apart, whichever of them would be the mentor."""
    awaits_answer: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """Who assesses whom, by the rotation's id, and the programmes in which that currently keeps the two apart."""

    id: str
    assessor: str
    assessed: str
    sequence: int
    programmes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Experience:
    """How satisfied a mentor's past mentees were, in a few steps that do not reveal a single mentee's answer."""

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
    """Number of the member's seats that mentees take."""
    kept_from: frozenset[str] = frozenset()
    """Mentors who are not suggested to them now: their current mentors, those who declined a request recently, and
    those from whom a closed relationship separates them.
    """
    firewall: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """By programme: members who assess them or are assessed by them, where that counts now."""
    experience: int = USUAL
    """Satisfaction of their past mentees, 0 to 100."""
    asked: int = 0
    """Number of pending requests to them."""
    may_ask_again: frozenset[str] = frozenset()
    """Mentors of `kept_from` whom they may request all the same: only a relationship that ended well separates them."""

    @property
    def id(self) -> str:
        return self.member.id

    @property
    def least_group(self) -> int:
        """The fewest mentees whom a round may give them; 0 for a mentor who has mentees, because the group has begun.
        Above the capacity it counts as the capacity.
        """
        return 0 if self.taken else min(self.member.least_group, self.member.capacity)

    @property
    def topics_most_wanted(self) -> frozenset[str]:
        known_as = self.member.known_as
        return self.member.topics_wanted & {known_as.get(topic, topic) for topic in self.private.topics_most_wanted}

    @property
    def identity_wish(self) -> frozenset[str]:
        """Identity terms of which a mentor should share any; empty where the mentee does not wish it."""
        return self.private.identity if self.private.wishes_shared_identity else frozenset()


@dataclass(frozen=True, slots=True)
class Policy:
    """A programme, and the institutions whose members it may match."""

    programme: Programme
    institutions: Mapping[str, Institution]
    given: Mapping[Exchange, int] = field(default_factory=dict)
    """Seats taken in each exchange, over all programmes; may be left out where there is no ceiling."""

    def admits(self, institution: str) -> bool:
        known = self.institutions.get(institution)
        return known is not None and known.is_active and institution in self.programme.admits

    def exchanges(self, mentees: str, mentors: str) -> bool:
        """Whether these institutions' terms allow the exchange; the members' own opt-in is checked separately."""
        if not (self.admits(mentees) and self.admits(mentors)):
            return False
        if mentees == mentors:
            return True
        return self.institutions[mentees].receives(mentors) and self.institutions[mentors].gives(mentees)

    def partners(self, institution: str) -> frozenset[str]:
        """Institutions whose members its own may be matched with: itself and those it names."""
        known = self.institutions.get(institution)
        return known.exchanges_with | {institution} if known else frozenset()

    def ceiling(self, exchange: Exchange) -> int | None:
        """Maximum number of seats; None for no limit."""
        mentees, mentors = exchange
        giver = self.institutions.get(mentors) if mentees != mentors else None
        terms = giver.terms_with(mentees) if giver else None
        return terms.ceiling if terms else None

    def left(self, exchange: Exchange) -> int | None:
        """Number of seats left below the ceiling; None for no limit."""
        ceiling = self.ceiling(exchange)
        return None if ceiling is None else max(0, ceiling - self.given.get(exchange, 0))

    def after(self, entered: Iterable[Exchange]) -> "Policy":
        """The policy after one more seat is taken in each of these exchanges."""
        return replace(self, given=Counter(self.given) + Counter(entered))

    def is_full(self, exchange: Exchange) -> bool:
        return self.left(exchange) == 0

    def capped(self, exchanges: Iterable[Exchange]) -> list[Exchange]:
        """Those of `exchanges` that have a ceiling."""
        return [exchange for exchange in exchanges if self.ceiling(exchange) is not None]


def weights_for(mentee: Person, programme: Programme) -> Weights:
    """The mentee's weights, then the programme's, then the defaults; identity only where the mentee wishes it."""
    identity: Mapping[Factor, int] = {"identity": DEFAULT_WEIGHTS["identity"]}
    merged = {**programme_weights(programme.weights), **identity, **mentee.private.weights}
    if not mentee.identity_wish:
        merged["identity"] = 0
    return tuple(max(0, min(100, merged[factor])) for factor in FACTORS)
