"""What profiles publishes: the state of institutions, programmes and members, one compacted topic for each audience.

`profiles.members` is an allow-list that any of our services may read. `profiles.preferences` is for matching alone,
`profiles.contacts` for notifications alone. The story never leaves profiles. A tombstone on any of them is an erasure.
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
    between,
)

Role = Literal["mentor", "mentee"]
Stage = Literal["student", "resident", "fellow", "early_career", "attending", "senior", "retired"]
Format = Literal["in_person", "video", "phone", "messaging"]
Style = Literal["coach", "advisor", "sponsor", "listener"]
Status = Literal["active", "inactive"]
Direction = Literal["both", "gives", "receives"]
FirstFactor = Literal["topics", "specialty", "stage", "languages", "formats", "time_zone", "style"]
"""What `weights` may name, for good: its readers refuse any other."""
Factor = Literal[FirstFactor, "availability", "load", "experience", "identity"]
Weekly = Annotated[
    str, StringConstraints(pattern=r"^(?:mon|tue|wed|thu|fri|sat|sun)-(?:[01][0-9]|2[0-3])-(?:[01][0-9]|2[0-4])$")
]
"""A time of every week, from hour to hour by the member's own clock: `fri-17-20`. One that ends before it begins says
nothing."""

STAGES: tuple[Stage, ...] = ("student", "resident", "fellow", "early_career", "attending", "senior", "retired")
FIRST_FACTORS: tuple[FirstFactor, ...] = get_args(FirstFactor)
FACTORS: tuple[Factor, ...] = (*FIRST_FACTORS, "availability", "load", "experience", "identity")
"""Load, past mentees' experience and identity last: they are nobody's to see, and stand apart."""
PROGRAMME_FACTORS: tuple[Factor, ...] = tuple(factor for factor in FACTORS if factor != "identity")
"""What a programme weighs. Identity counts by a person's own wish only."""
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
"""What a factor weighs where nobody says otherwise: titles and ranks are no factors at all."""
ClosingReason = Literal[
    "goals_reached", "moved_on", "no_time", "not_a_fit", "conflict_of_interest", "unspecified", "repaired"
]
"""Why a mentoring was closed; `repaired`: the mentee goes to another mentor."""
Separation = Annotated[int, Field(ge=0, le=36_500)] | Literal["forever"]
"""Days for which the two are not brought together again."""
DEFAULT_SEPARATION_DAYS: Mapping[ClosingReason, Separation] = {
    "goals_reached": 180,
    "moved_on": 180,
    "no_time": 180,
    "not_a_fit": 365,
    "conflict_of_interest": "forever",
    "unspecified": 180,
    "repaired": 90,
}
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def programme_weights(given: Mapping[Factor, int]) -> dict[Factor, int]:
    """Every factor that a programme weighs: as `given`, or by default."""
    return {factor: given.get(factor, DEFAULT_WEIGHTS[factor]) for factor in PROGRAMME_FACTORS}


def separation_days(
    given: Mapping[str, Separation] | Mapping[ClosingReason, Separation],
) -> dict[ClosingReason, Separation]:
    """Of every reason for closing a mentoring: as `given`, or by default."""
    return {reason: given.get(reason, days) for reason, days in DEFAULT_SEPARATION_DAYS.items()}


class ExchangeTerms(Part):
    """What an institution says of one that it exchanges with. Seats are given where the mentor is ours."""

    partner: Id
    direction: Direction = "both"
    """`gives`: our mentors take their mentees; `receives`: their mentors take ours."""
    ceiling: int | None = Field(default=None, ge=0, le=1_000_000)
    """So many of our mentors' seats their mentees may have at a time, all programmes together; none: any number."""
    floor: int = Field(default=0, ge=0, le=1_000_000)
    """So many are meant to be given: reported as met or missed, never enforced."""


class InstitutionChanged(Payload):
    TYPE: ClassVar[str] = "org.preceptor.profiles.institution.changed.v1"
    TOPIC: ClassVar[str] = "profiles.institutions"

    institution: Id
    name: Text
    status: Status
    exchanges_with: Annotated[tuple[Id, ...], Many] = ()
    """Institutions whose members ours may be matched with; a pair needs both institutions to name each other."""
    exchange_terms: Annotated[tuple[ExchangeTerms, ...], Many] = ()
    """Of those that it names; who has none here: both ways, any number. What both institutions say holds."""

    @property
    def tenant(self) -> str:
        return self.institution

    @property
    def aggregate(self) -> str:
        return self.institution


class ProgrammeLimits(Part):
    list_length: int = Field(default=10, ge=1, le=10)
    minimum_score: int = Field(default=0, ge=0, le=100)
    """Percent of the best possible score below which nobody is suggested."""


class ProgrammeChanged(Payload):
    TYPE: ClassVar[str] = "org.preceptor.profiles.programme.changed.v1"
    TOPIC: ClassVar[str] = "profiles.programmes"

    programme: Id
    institution: Id
    """The owner."""
    name: Text
    status: Status
    admits: Annotated[tuple[Id, ...], Many]
    """Institutions whose members may enrol, the owner among them."""
    weights: dict[FirstFactor, Weight]
    """0 to 100 each; a mentee's own weights go over them. A factor that neither names has its default weight."""
    further_weights: Annotated[dict[Slug, Weight], Few] = Field(default_factory=dict)
    """Of factors that came after those of `weights`; a reader passes over names that it does not know."""
    limits: ProgrammeLimits = ProgrammeLimits()
    repair_by_itself_up_to: int = Field(default=0, ge=0, le=1000)
    """A repair that moves at most so many people needs no coordinator's word; 0: each does."""
    assessment_lookback_days: int = Field(default=180, ge=0, le=1825)
    """So long after a rotation its assessor and whom they assessed are kept apart."""
    assessment_lookahead_days: int = Field(default=365, ge=0, le=1825)
    """So long before a rotation begins they are."""
    separation_days: Annotated[dict[Slug, Separation], Few] = Field(default_factory=dict)
    """By the reason for which a mentoring was closed: so long the same two are not brought together again. A reason
    that is not named has its default; a reader passes over names that it does not know."""

    @property
    def tenant(self) -> str:
        return self.institution

    @property
    def aggregate(self) -> str:
        return self.programme


class Enrolment(Part):
    programme: Id
    roles: Annotated[tuple[Role, ...], Few]


class MemberChanged(Payload):
    TYPE: ClassVar[str] = "org.preceptor.profiles.member.changed.v1"
    TOPIC: ClassVar[str] = "profiles.members"

    member: Id
    institution: Id
    """The registering institution: immutable, and in the partition key."""
    affiliations: Annotated[tuple[Id, ...], Few] = ()
    status: Status
    paused: bool = False
    """Takes nothing new for now; an inactive member neither."""
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
    """Hours a month that the member gives to mentoring, all programmes together."""
    capacity: Annotated[int, between(0, 10_000)] = 0
    """Mentees at a time, all programmes together; 0 is a pause."""
    style: Style | None = None
    available: Annotated[tuple[Weekly, ...], Few] = ()
    """When in the week the member has time to meet; empty: not said."""
    reverse_mentoring: bool = False
    """As a mentee: looks for somebody at an earlier stage."""
    across_institutions: bool = False
    """The member's own opt-in to being matched with another institution's people."""

    @property
    def tenant(self) -> str:
        return self.institution

    @property
    def aggregate(self) -> str:
        return self.member


class PreferencesChanged(Payload):
    """Entered by the person, and digests by which others may name the person. Private to matching."""

    TYPE: ClassVar[str] = "org.preceptor.profiles.preferences.changed.v1"
    TOPIC: ClassVar[str] = "profiles.preferences"

    member: Id
    institution: Id
    never: Annotated[tuple[Id, ...], Many] = ()
    weights: dict[FirstFactor, Weight] = Field(default_factory=dict)
    further_weights: Annotated[dict[Slug, Weight], Few] = Field(default_factory=dict)
    """Of factors that came after those of `weights`; a reader passes over names that it does not know."""
    topics_most_wanted: Annotated[tuple[Slug, ...], Few] = ()
    """Those of the topics wanted that count twice."""
    identity: Annotated[tuple[Slug, ...], Few] = ()
    wishes_shared_identity: bool = False
    subject_hash: Code | None = None
    """Which sign-in is this member (see `shared.auth.subject_hash`), so that matching knows who asks."""
    external_id_digest: Code | None = None
    """Of the staff number (see `shared.identifiers`), so that rotations and rounds may name the member by it."""
    email_digest: Code | None = None
    """Of the e-mail address, likewise."""

    @property
    def tenant(self) -> str:
        return self.institution

    @property
    def aggregate(self) -> str:
        return self.member


class MemberErased(Payload):
    """A member is erased, for good: whoever keeps anything of them forgets it. Ids only, and kept forever, so that a
    restored backup or a late subscriber cannot bring the person back.
    """

    TYPE: ClassVar[str] = "org.preceptor.profiles.member.erased.v1"
    TOPIC: ClassVar[str] = "profiles.erasures"

    member: Id
    institution: Id
    erasure: Id
    """The request that was carried out; each service's receipt names it."""
    members_sequence: Sequence
    """Of the tombstone on `profiles.members`: nothing of this member up to it may be shown any more."""
    preferences_sequence: Sequence
    contacts_sequence: Sequence

    @property
    def aggregate(self) -> str:
        return self.member

    @property
    def tenant(self) -> str:
        return self.institution


class ErasureRequested(Payload):
    """A coordinator asked that a member be erased. Nothing is erased before `due_at`, and the member can object until
    then. A member's own request is published nowhere.
    """

    TYPE: ClassVar[str] = "org.preceptor.profiles.erasure.requested.v1"
    TOPIC: ClassVar[str] = "profiles.events"

    erasure: Id
    member: Id
    institution: Id
    due_at: Moment
    recipients: Annotated[tuple[Recipient, ...], Few] = ()

    @property
    def aggregate(self) -> str:
        return self.erasure

    @property
    def tenant(self) -> str:
        return self.institution


class ContactChanged(Payload):
    """How to reach and name a person, private to notifications."""

    TYPE: ClassVar[str] = "org.preceptor.profiles.contact.changed.v1"
    TOPIC: ClassVar[str] = "profiles.contacts"

    member: Id
    institution: Id
    name: Text
    email: Text
    locale: Code = "en"
    time_zone: Code = "UTC"
    subject_hash: Code | None = None
    status: Status = "active"
    """An inactive member reads no inbox, and an open stream of theirs ends."""

    @property
    def tenant(self) -> str:
        return self.institution

    @property
    def aggregate(self) -> str:
        return self.member
