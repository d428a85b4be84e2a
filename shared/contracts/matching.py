"""What matching publishes: facts about lists, requests, relationships, rounds and repairs. Ids, ranks and reason codes;
never contributions, weights, messages or names.
"""

from typing import Annotated, ClassVar, Literal

from shared.contracts.payload import Code, Count, Few, Id, Moment, Part, Payload, Recipient, Sequence, Slug, between

Unmatched = Literal[
    "no_mentor_in_programme",
    "profile_incomplete",
    "paused",
    "no_free_mentor",
    "no_common_language",
    "no_common_format",
    "none_allowed_between_institutions",
    "below_minimum_score",
    "not_available",
]
"""Why a mentee's list is empty: the rule that kept out the last mentor standing. `not_available` stands for every rule
that mentors or their institutions keep to themselves. `no_free_mentor` is not published any more: lists that are empty
because every mentor is full say `not_available` too."""

Cause = Literal["own_change", "others_change", "takeover"]


class Ranked(Part):
    mentor: Id
    institution: Id
    rank: Annotated[int, between(1, 1_000)]
    """From 1, the best."""


class SuggestionsChanged(Payload):
    TYPE: ClassVar[str] = "org.preceptor.matching.suggestions.changed.v1"
    TOPIC: ClassVar[str] = "matching.events"

    enrolment: Id
    """`<programme>.<mentee>`."""
    programme: Id
    mentee: Id
    institution: Id
    """The mentee's."""
    version: Sequence
    ranked: Annotated[tuple[Ranked, ...], Few]
    """The whole list after the change: folding these events gives the lists as they stand."""
    entered: Annotated[tuple[Id, ...], Few] = ()
    left: Annotated[tuple[Id, ...], Few] = ()
    unmatched: Unmatched | None = None
    """Set exactly when `ranked` is empty and the mentee is still enrolled."""
    cause: Cause
    suppressed: Slug | None = None
    """Why the mentee is not notified of a change that others made. Today `has_mentor` (in this programme: the
    relationship's own fact notifies them) and `matched_in_round` (a round that is being published has a mentor for
    them, and its own fact will); more may come."""
    recipients: Annotated[tuple[Recipient, ...], Few] = ()

    @property
    def tenant(self) -> str:
        return self.institution

    @property
    def aggregate(self) -> str:
        return self.enrolment


class AboutRequest(Payload):
    """What every fact about a request names. The message stays in matching."""

    request: Id
    programme: Id
    mentee: Recipient
    """Who asks."""
    mentor: Recipient
    """Who is asked."""
    recipients: Annotated[tuple[Recipient, ...], Few] = ()

    @property
    def tenant(self) -> str:
        return self.mentee.institution

    @property
    def aggregate(self) -> str:
        return self.request


class MentorRequested(AboutRequest):
    """A mentee asks a mentor."""

    TYPE: ClassVar[str] = "org.preceptor.matching.request.made.v1"
    TOPIC: ClassVar[str] = "matching.events"

    expires_at: Moment
    """When the request ends by itself, unanswered."""
    repeat: bool = False
    """The two had a mentoring before, which was closed: the mentee asks the same mentor again."""


class MentorNudged(AboutRequest):
    """A request waits for its answer, five days or ten after it was made."""

    TYPE: ClassVar[str] = "org.preceptor.matching.request.nudged.v1"
    TOPIC: ClassVar[str] = "matching.events"

    nudge: Annotated[int, between(1, 1_000)]
    """Which one: 1, 2. One that is overdue together with the next is passed over."""
    expires_at: Moment


class RequestAccepted(AboutRequest):
    """The mentor said yes, and a seat is taken; what follows is told of the relationship."""

    TYPE: ClassVar[str] = "org.preceptor.matching.request.accepted.v1"
    TOPIC: ClassVar[str] = "matching.events"

    relationship: Id


class RequestDeclined(AboutRequest):
    """The mentor said no; the two are not suggested to each other for 90 days."""

    TYPE: ClassVar[str] = "org.preceptor.matching.request.declined.v1"
    TOPIC: ClassVar[str] = "matching.events"

    reason: Slug
    """Today `no_time`, `other_expertise`, `not_a_fit`, `conflict_of_interest`, `unspecified`; more may come."""


class RequestWithdrawn(AboutRequest):
    """Taken back by the mentee, or ended because it cannot be accepted any more."""

    TYPE: ClassVar[str] = "org.preceptor.matching.request.withdrawn.v1"
    TOPIC: ClassVar[str] = "matching.events"

    reason: Slug
    """Today `by_mentee`, `matched_elsewhere`, `matched_in_round` and `matched_in_repair` (the two, with each other),
    `mentee_left`, and `not_available` for whatever is the mentor's own affair; more may come."""


class RequestExpired(AboutRequest):
    """Nobody answered in time."""

    TYPE: ClassVar[str] = "org.preceptor.matching.request.expired.v1"
    TOPIC: ClassVar[str] = "matching.events"


class AboutRelationship(Payload):
    """What every fact about a relationship names."""

    relationship: Id
    programme: Id
    mentee: Recipient
    mentor: Recipient
    recipients: Annotated[tuple[Recipient, ...], Few] = ()

    @property
    def tenant(self) -> str:
        return self.mentee.institution

    @property
    def aggregate(self) -> str:
        return self.relationship


class RelationshipOpened(AboutRelationship):
    """A mentor has taken a mentee on. It takes one of the mentor's seats until it is put on hold or closed."""

    TYPE: ClassVar[str] = "org.preceptor.matching.relationship.opened.v1"
    TOPIC: ClassVar[str] = "matching.events"

    request: Id | None = None
    """The request that was accepted. Who asked hears of it by that request's own fact."""
    round: Id | None = None
    """The round that brought the two together; both hear of it by this fact."""
    repair: Id | None = None
    """The repair that did; both hear of it by this fact."""


class ConflictDetected(AboutRelationship):
    """The two may not be mentor and mentee (any more). Nothing ends by it: a coordinator sees to it, or a repair."""

    TYPE: ClassVar[str] = "org.preceptor.matching.conflict.detected.v1"
    TOPIC: ClassVar[str] = "matching.events"

    reason: Slug
    """Today `assessment`: one of them assesses the other. More may come."""


class RelationshipPaused(AboutRelationship):
    """Rests, by either side's wish (the seat stays taken), or because one of them is inactive (the seat is free)."""

    TYPE: ClassVar[str] = "org.preceptor.matching.relationship.paused.v1"
    TOPIC: ClassVar[str] = "matching.events"

    reason: Slug
    """Today `by_mentee`, `by_mentor`, `mentee_inactive`, `mentor_inactive`; more may come."""


class RelationshipResumed(AboutRelationship):
    """Goes on after a pause, with a seat."""

    TYPE: ClassVar[str] = "org.preceptor.matching.relationship.resumed.v1"
    TOPIC: ClassVar[str] = "matching.events"


class RelationshipClosed(AboutRelationship):
    """Has ended, and its seat is free."""

    TYPE: ClassVar[str] = "org.preceptor.matching.relationship.closed.v1"
    TOPIC: ClassVar[str] = "matching.events"

    reason: Slug
    """Today `goals_reached`, `no_time`, `not_a_fit`, `conflict_of_interest`, `moved_on`, `unspecified`, `mentee_left`,
    `mentor_left`, `repaired` (the mentee goes to another mentor); more may come."""


class RoundPublished(Payload):
    """A cohort was matched at once. Each pair's own fact is `relationship.opened`, or `round.pair_lapsed`."""

    TYPE: ClassVar[str] = "org.preceptor.matching.round.published.v1"
    TOPIC: ClassVar[str] = "matching.events"

    round: Id
    programme: Id
    institution: Id
    """The programme's owner."""
    target: Slug
    """Today `fit` or `coverage`; more may come."""
    mentees: Count
    """Who took part: matched, lapsed or unmatched."""
    opened: Count
    lapsed: Count
    unmatched: Count
    input_sha256: Code
    """Of the file's canonical form, as in the result."""
    result_sha256: Code
    """Of the result's file."""
    policy_sha256: Code
    solver: Slug

    @property
    def tenant(self) -> str:
        return self.institution

    @property
    def aggregate(self) -> str:
        return self.round


class AboutPlace(Payload):
    """What every fact about a mentee's place in a round names."""

    place: Id
    round: Id
    programme: Id
    mentee: Recipient
    reason: Slug
    recipients: Annotated[tuple[Recipient, ...], Few] = ()

    @property
    def tenant(self) -> str:
        return self.mentee.institution

    @property
    def aggregate(self) -> str:
        return self.place


class PairLapsed(AboutPlace):
    """A round had a mentor for this mentee, and when it was published the two could not be brought together any more.

    `reason` is today `matched_elsewhere`, `mentee_left`, `paused`, `profile_incomplete`, and `not_available` for
    whatever is the mentor's own affair; more may come.
    """

    TYPE: ClassVar[str] = "org.preceptor.matching.round.pair_lapsed.v1"
    TOPIC: ClassVar[str] = "matching.events"


class MenteeUnmatched(AboutPlace):
    """A round had nobody for this mentee.

    `reason` is today one of a list's reasons for being empty, `outranked`, `outweighed`, `excluded`, `closed`,
    `matched_elsewhere` or `mentee_left`; more may come.
    """

    TYPE: ClassVar[str] = "org.preceptor.matching.round.mentee_unmatched.v1"
    TOPIC: ClassVar[str] = "matching.events"


class AboutRepair(Payload):
    """What every fact about a repair names. Who moves where, the relationships' own facts tell."""

    repair: Id
    programme: Id
    institution: Id
    """The programme's owner."""
    bystanders_at_most: Count
    """k: so many people with a mentor might be moved."""
    bystanders_moved: Count
    displaced: Count
    """Who lost a mentor: placed, or left behind."""
    placed: Count
    left_behind: Count
    blocking_pairs: Count
    """Pairs that would both rather have each other, among those looked at, once the plan is carried out."""

    @property
    def tenant(self) -> str:
        return self.institution

    @property
    def aggregate(self) -> str:
        return self.repair


class RepairPlanned(AboutRepair):
    """There is a plan for people who lost their mentor."""

    TYPE: ClassVar[str] = "org.preceptor.matching.repair.planned.v1"
    TOPIC: ClassVar[str] = "matching.events"

    runs_by_itself: bool = False
    """It is within what the programme lets run without a coordinator."""


class RepairApplied(AboutRepair):
    """The plan was carried out; what could not be any more counts as left behind."""

    TYPE: ClassVar[str] = "org.preceptor.matching.repair.applied.v1"
    TOPIC: ClassVar[str] = "matching.events"


class MatchingErasureCompleted(Payload):
    """Matching's receipt: it keeps nothing of an erased member but ids."""

    TYPE: ClassVar[str] = "org.preceptor.matching.erasure.completed.v1"
    TOPIC: ClassVar[str] = "matching.events"

    erasure: Id
    member: Id
    institution: Id

    @property
    def aggregate(self) -> str:
        return self.erasure

    @property
    def tenant(self) -> str:
        return self.institution
