"""The events of profiles: the state of institutions, programmes and members, on a compacted topic for each audience.

`profiles.members` is an allow-list of fields that all our services may read. `profiles.preferences` is for matching
only, `profiles.contacts` for notifications only. The story never leaves profiles. A tombstone is an erasure.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, get_args

from pydantic import Field, StringConstraints

from shared.contracts.payload import (
    Code,
    Few,
    Id,
    Many,
    Moment,
    Part,
    Payload,
    Recipient,
    Sequence,
    Slug,
    Text,
    Weight,
    at_most,
    between,
)

Role = Literal["mentor", "mentee"]
Stage = Literal["student", "resident", "fellow", "early_career", "attending", "senior", "retired"]
Format = Literal["in_person", "video", "phone", "messaging"]
Style = Literal["coach", "advisor", "sponsor", "listener"]
Status = Literal["active", "inactive"]
Direction = Literal["both", "gives", "receives"]
FirstFactor = Literal["topics", "specialty", "stage", "languages", "formats", "time_zone", "style"]
"""The factors that `weights` may name. The set is final: readers refuse other names."""
Factor = Literal[FirstFactor, "availability", "load", "experience", "identity"]
TermKind = Literal["topic", "specialty"]
NETWORK = "preceptor.network"
"""Stands for the institution of what belongs to the whole network. No institution can have this id: theirs have no dot.
"""
Weekly = Annotated[
    str, StringConstraints(pattern=r"^(?:mon|tue|wed|thu|fri|sat|sun)-(?:[01][0-9]|2[0-3])-(?:[01][0-9]|2[0-4])$")
]
"""A weekly time in the member's time zone, from hour to hour: `fri-17-20`. A time that ends before it begins is
ignored."""

STAGES: tuple[Stage, ...] = ("student", "resident", "fellow", "early_career", "attending", "senior", "retired")
FIRST_FACTORS: tuple[FirstFactor, ...] = get_args(FirstFactor)
FACTORS: tuple[Factor, ...] = (*FIRST_FACTORS, "availability", "load", "experience", "identity")
"""Load, experience and identity are last: their contributions are shown to nobody."""
PROGRAMME_FACTORS: tuple[Factor, ...] = tuple(factor for factor in FACTORS if factor != "identity")
"""The factors with a weight in a programme. Identity counts only where a mentee wishes it."""
DEFAULT_WEIGHTS: Mapping[Factor, int] = {
    "topics": 100,
    "specialty": 60,
    "stage": 40,
    "languages": 20,
    "formats": 20,
    "time_zone": 20,
    "style": 30,
    "availability": 30,
    "load": 20,
    "experience": 20,
    "identity": 60,
}
"""The weights of factors without a given weight. Titles and ranks are not factors."""
ClosingReason = Literal[
    "goals_reached",
    "moved_on",
    "no_time",
    "not_a_fit",
    "conflict_of_interest",
    "unspecified",
    "repaired",
    "introduction_left",
    "introduction_over",
    "lapsed",
    "period_over",
]
"""Why a relationship was closed; `repaired`: the mentee goes to another mentor; the last four are mentorships'."""
Separation = Annotated[int, Field(ge=0, le=36_500)] | Literal["forever"]
"""The days for which the two are not matched again."""
DEFAULT_SEPARATION_DAYS: Mapping[ClosingReason, Separation] = {
    "goals_reached": 180,
    "moved_on": 180,
    "no_time": 180,
    "not_a_fit": 365,
    "conflict_of_interest": "forever",
    "unspecified": 180,
    "repaired": 90,
    "introduction_left": 0,
    "introduction_over": 0,
    "lapsed": 180,
    "period_over": 180,
}
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def programme_weights(given: Mapping[Factor, int]) -> dict[Factor, int]:
    """The weight of every programme factor: as `given`, or the default."""
    return {factor: given.get(factor, DEFAULT_WEIGHTS[factor]) for factor in PROGRAMME_FACTORS}


def separation_days(
    given: Mapping[str, Separation] | Mapping[ClosingReason, Separation],
) -> dict[ClosingReason, Separation]:
    """The days of every closing reason: as `given`, or the default."""
    return {reason: given.get(reason, days) for reason, days in DEFAULT_SEPARATION_DAYS.items()}


class ExchangeTerms(Part):
    """An institution's terms with a partner. An institution gives a seat where the mentor is its own."""

    partner: Id
    direction: Direction = "both"
    """`gives`: the institution's mentors take the partner's mentees; `receives`: the reverse."""
    ceiling: int | None = Field(default=None, ge=0, le=1_000_000)
    """The most seats of the institution's mentors that the partner's mentees may have at a time, in all programmes
    together; null: no limit."""
    floor: int = Field(default=0, ge=0, le=1_000_000)
    """The number of seats that the institution intends to give: reported as met or missed, not enforced."""


class InstitutionChanged(Payload):
    TYPE: ClassVar[str] = "org.preceptor.profiles.institution.changed.v1"
    TOPIC: ClassVar[str] = "profiles.institutions"
    AGGREGATE: ClassVar[str] = "institution"

    institution: Id
    name: Text
    status: Status
    exchanges_with: Annotated[tuple[Id, ...], Many] = ()
    """Institutions with whose members the institution's members may be matched; both institutions must name each other.
    """
    exchange_terms: Annotated[tuple[ExchangeTerms, ...], Many] = ()
    """Terms with institutions in `exchanges_with`; without terms both directions and any number are allowed. The terms
    of both institutions apply."""


class TermChanged(Payload):
    """A term of the network's vocabulary: one meaning, with the names by which people write it. What members write
    stays as they wrote it; readers find its meaning by `slugs` and `institution_slugs`. Within a kind a slug means one
    term.
    """

    TYPE: ClassVar[str] = "org.preceptor.profiles.term.changed.v1"
    TOPIC: ClassVar[str] = "profiles.vocabulary"
    AGGREGATE: ClassVar[str] = "term"

    term: Slug
    institution: Id
    """Always `preceptor.network`: a term belongs to no institution."""
    kind: Slug
    """`topic`, `specialty`; more may come, which readers ignore."""
    labels: Annotated[dict[Slug, Text], Few]
    """By language, as a primary language tag of BCP 47."""
    other_names: Annotated[tuple[Text, ...], Few] = ()
    broader: Annotated[tuple[Slug, ...], Few] = ()
    """Terms of the same kind of which this one is a part. They form no cycle."""
    institution_names: Annotated[dict[Id, Annotated[tuple[Text, ...], Few]], Many] = Field(default_factory=dict)
    """Names that only members of these institutions mean by it."""
    successor: Slug | None = None
    """The term that is meant instead of this one, which is deprecated."""
    slugs: Annotated[tuple[Slug, ...], Few]
    """What members of every institution may write for it, in its normal form."""
    institution_slugs: Annotated[dict[Id, Annotated[tuple[Slug, ...], Few]], Many] = Field(default_factory=dict)
    """What members of these institutions may write besides, in its normal form."""


class ProgrammeLimits(Part):
    list_length: int = Field(default=10, ge=1, le=10)
    minimum_score: int = Field(default=0, ge=0, le=100)
    """Percent of the best possible score below which no mentor is suggested."""


class ProgrammeChanged(Payload):
    TYPE: ClassVar[str] = "org.preceptor.profiles.programme.changed.v1"
    TOPIC: ClassVar[str] = "profiles.programmes"
    AGGREGATE: ClassVar[str] = "programme"

    programme: Id
    institution: Id
    """The owner."""
    name: Text
    status: Status
    admits: Annotated[tuple[Id, ...], Many]
    """Institutions whose members may enrol, the owner among them."""
    weights: dict[FirstFactor, Weight]
    """0 to 100 each; a mentee's own weights override them. A factor in neither has its default weight."""
    further_weights: Annotated[dict[Slug, Weight], Few] = Field(default_factory=dict)
    """Weights of factors that were added after those of `weights`; readers ignore unknown names."""
    limits: ProgrammeLimits = ProgrammeLimits()
    repair_by_itself_up_to: int = Field(default=0, ge=0, le=1000)
    """A repair that moves at most so many mentees needs no coordinator's approval; 0: every repair needs it."""
    assessment_lookback_days: int = Field(default=180, ge=0, le=1825)
    """How many days after a rotation its assessor and the assessed member must not be matched."""
    assessment_lookahead_days: int = Field(default=365, ge=0, le=1825)
    """How many days before a rotation they must not be matched."""
    separation_days: Annotated[dict[Slug, Separation], Few] = Field(default_factory=dict)
    """By closing reason of a relationship: how long the two are not matched again. A reason that is absent has its
    default; readers ignore unknown names."""


class Enrolment(Part):
    programme: Id
    roles: Annotated[tuple[Role, ...], Few]


class MemberChanged(Payload):
    TYPE: ClassVar[str] = "org.preceptor.profiles.member.changed.v1"
    TOPIC: ClassVar[str] = "profiles.members"
    AGGREGATE: ClassVar[str] = "member"

    member: Id
    institution: Id
    """The registering institution: immutable, and part of the partition key."""
    affiliations: Annotated[tuple[Id, ...], Few] = ()
    status: Status
    paused: bool = False
    """Whether the member accepts no new relationships for now, like an inactive member."""
    enrolments: Annotated[tuple[Enrolment, ...], Few] = ()
    stage: Stage | None = None
    specialty: Slug | None = None
    topics_offered: Annotated[tuple[Slug, ...], Few] = ()
    topics_wanted: Annotated[tuple[Slug, ...], Few] = ()
    languages: Annotated[tuple[Code, ...], Few] = ()
    """BCP 47 primary tags: `en`, `de`."""
    formats: Annotated[tuple[Format, ...], Few] = ()
    time_zone: Code = "UTC"
    """IANA name."""
    hours_per_month: Annotated[int, between(0, 10_000)] = 0
    """Hours a month that the member gives to mentoring, in all programmes together."""
    capacity: Annotated[int, between(0, 10_000)] = 0
    """Mentees at a time, in all programmes together; 0 is a pause."""
    least_group: Annotated[int, between(0, 10_000)] = 0
    """As a mentor: a round gives at least so many mentees, or none. Above the capacity it counts as the capacity."""
    mentors_wanted: Annotated[int, between(1, 10)] = 1
    """As a mentee: mentors at a time, in each programme."""
    style: Style | None = None
    available: Annotated[tuple[Weekly, ...], Few] = ()
    """When in the week the member has time to meet; empty: unknown."""
    reverse_mentoring: bool = False
    """As a mentee: looks for a mentor at an earlier stage."""
    across_institutions: bool = False
    """The member's opt-in to matches with members of other institutions."""


class PreferencesChanged(Payload):
    """A member's confidential preferences, and digests of identifiers. Private to matching."""

    TYPE: ClassVar[str] = "org.preceptor.profiles.preferences.changed.v1"
    TOPIC: ClassVar[str] = "profiles.preferences"
    AGGREGATE: ClassVar[str] = "member"

    member: Id
    institution: Id
    never: Annotated[tuple[Id, ...], Many] = ()
    weights: dict[FirstFactor, Weight] = Field(default_factory=dict)
    further_weights: Annotated[dict[Slug, Weight], Few] = Field(default_factory=dict)
    """Weights of factors that were added after those of `weights`; readers ignore unknown names."""
    topics_most_wanted: Annotated[tuple[Slug, ...], Few] = ()
    """The wanted topics that count twice."""
    identity: Annotated[tuple[Slug, ...], Few] = ()
    wishes_shared_identity: bool = False
    subject_hash: Code | None = None
    """The hash of the member's sign-in (see `shared.auth.subject_hash`), by which matching finds the member of a
    request."""
    external_id_digest: Code | None = None
    """The digest of the staff number (see `shared.identifiers`), by which rotations and rounds may name the member."""
    email_digest: Code | None = None
    """The digest of the e-mail address, with the same purpose."""


class MentoringProfileChanged(Payload):
    """What mentorships needs of a member: who they are, where they live, and their principles as a mentor. Private to
    mentorships.
    """

    TYPE: ClassVar[str] = "org.preceptor.profiles.mentoring_profile.changed.v1"
    TOPIC: ClassVar[str] = "profiles.mentoring"
    AGGREGATE: ClassVar[str] = "member"

    member: Id
    institution: Id
    name: Text
    locale: Code = "en"
    time_zone: Code = "UTC"
    stage: Stage | None = None
    principles: Annotated[str, at_most(5_000)] = ""
    """The mentor's own principles, which an agreement copies."""
    subject_hash: Code | None = None
    status: Status = "active"


class MemberErased(Payload):
    """A member is erased permanently: every service deletes its data of them. Holds ids only, and is kept forever, so
    that a restored backup or a late subscriber cannot restore the person.
    """

    TYPE: ClassVar[str] = "org.preceptor.profiles.member.erased.v1"
    TOPIC: ClassVar[str] = "profiles.erasures"
    AGGREGATE: ClassVar[str] = "member"

    member: Id
    institution: Id
    erasure: Id
    """The id of the erasure request; each service's receipt names it."""
    members_sequence: Sequence
    """The sequence of the tombstone on `profiles.members`: states up to it must not be shown any more."""
    preferences_sequence: Sequence
    contacts_sequence: Sequence
    mentoring_sequence: Sequence = 0
    """0 for a member erased before this topic existed."""


class ErasureRequested(Payload):
    """A coordinator requested the erasure of a member. Nothing is erased before `due_at`, and the member can object
    until then. A member's own request is not published.
    """

    TYPE: ClassVar[str] = "org.preceptor.profiles.erasure.requested.v1"
    TOPIC: ClassVar[str] = "profiles.events"
    AGGREGATE: ClassVar[str] = "erasure"

    erasure: Id
    member: Id
    institution: Id
    due_at: Moment
    recipients: Annotated[tuple[Recipient, ...], Few] = ()


class ErasureWithdrawn(Payload):
    """A coordinator has withdrawn the request that a member be erased: nothing is erased. A member's own withdrawal or
    objection is published nowhere.
    """

    TYPE: ClassVar[str] = "org.preceptor.profiles.erasure.withdrawn.v1"
    TOPIC: ClassVar[str] = "profiles.events"
    AGGREGATE: ClassVar[str] = "erasure"

    erasure: Id
    member: Id
    institution: Id
    recipients: Annotated[tuple[Recipient, ...], Few] = ()


class MemberInvited(Payload):
    """A coordinator invites a member by mail, or reminds them. The code is in no event: notifications derives it from
    `invitation` with the key that it shares with profiles (`shared/invitation_codes.py`).
    """

    TYPE: ClassVar[str] = "org.preceptor.profiles.member.invited.v1"
    TOPIC: ClassVar[str] = "profiles.events"
    AGGREGATE: ClassVar[str] = "invitation"

    invitation: Id
    member: Id
    institution: Id
    programme: Id
    is_reminder: bool = False
    expires_at: Moment
    recipients: Annotated[tuple[Recipient, ...], Few] = ()


class ContactChanged(Payload):
    """A member's name and address. Private to notifications."""

    TYPE: ClassVar[str] = "org.preceptor.profiles.contact.changed.v1"
    TOPIC: ClassVar[str] = "profiles.contacts"
    AGGREGATE: ClassVar[str] = "member"

    member: Id
    institution: Id
    name: Text
    email: Text
    locale: Code = "en"
    time_zone: Code = "UTC"
    subject_hash: Code | None = None
    status: Status = "active"
    """An inactive member cannot read the inbox, and their open stream ends."""
