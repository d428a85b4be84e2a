"""The events of matching: facts about lists, requests, relationships, rounds and repairs, with ids, ranks and reason
codes; never contributions, weights, messages or names.
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
"""Why a mentee's list is empty: the rule that excluded the last remaining mentor. `not_available` stands for every rule
that mentors or their institutions keep private. `no_free_mentor` is not published any more: a list that is empty
because every mentor is full has `not_available` too."""

Cause = Literal["own_change", "others_change", "takeover"]


class Ranked(Part):
    mentor: Id
    institution: Id
    rank: Annotated[int, between(1, 1_000)]
    """1 is the best."""


class SuggestionsChanged(Payload):
    TYPE: ClassVar[str] = "org.preceptor.matching.suggestions.changed.v1"
    TOPIC: ClassVar[str] = "matching.events"
    AGGREGATE: ClassVar[str] = "enrolment"

    enrolment: Id
    """`<programme>.<mentee>`."""
    programme: Id
    mentee: Id
    institution: Id
    """The mentee's institution."""
    version: Sequence
    ranked: Annotated[tuple[Ranked, ...], Few]
    """The whole list after the change, so that the last event holds the current list."""
    entered: Annotated[tuple[Id, ...], Few] = ()
    left: Annotated[tuple[Id, ...], Few] = ()
    unmatched: Unmatched | None = None
    """Set if and only if `ranked` is empty and the mentee is still enrolled."""
    cause: Cause
    suppressed: Slug | None = None
    """Why the mentee is not notified of a change that others made. Today `has_mentor` (in this programme; the
    relationship's event notifies them) and `matched_in_round` (a round that is being published has a mentor for them,
    and its event notifies them); more may come."""
    recipients: Annotated[tuple[Recipient, ...], Few] = ()


class AboutRequest(Payload):
    """The common fields of events about a request. The message stays in matching."""

    AGGREGATE: ClassVar[str] = "request"
    TENANT: ClassVar[str] = "mentee.institution"

    request: Id
    programme: Id
    mentee: Recipient
    """The sender of the request."""
    mentor: Recipient
    """The recipient of the request."""
    recipients: Annotated[tuple[Recipient, ...], Few] = ()


class MentorRequested(AboutRequest):
    """A mentee asks a mentor."""

    TYPE: ClassVar[str] = "org.preceptor.matching.request.made.v1"
    TOPIC: ClassVar[str] = "matching.events"

    expires_at: Moment
    """When the request expires without an answer."""
    repeat: bool = False
    """Whether the two had an earlier relationship, which is closed."""


class MentorNudged(AboutRequest):
    """A request is still unanswered, five or ten days after it was made."""

    TYPE: ClassVar[str] = "org.preceptor.matching.request.nudged.v1"
    TOPIC: ClassVar[str] = "matching.events"

    nudge: Annotated[int, between(1, 1_000)]
    """The number of the nudge: 1 or 2. A nudge that is overdue when the next is due is skipped."""
    expires_at: Moment


class RequestAccepted(AboutRequest):
    """The mentor accepted, and a seat is taken. Later events are about the relationship."""

    TYPE: ClassVar[str] = "org.preceptor.matching.request.accepted.v1"
    TOPIC: ClassVar[str] = "matching.events"

    relationship: Id


class RequestDeclined(AboutRequest):
    """The mentor declined; the two are not suggested to each other for 90 days."""

    TYPE: ClassVar[str] = "org.preceptor.matching.request.declined.v1"
    TOPIC: ClassVar[str] = "matching.events"

    reason: Slug
    """Today `no_time`, `other_expertise`, `not_a_fit`, `conflict_of_interest`, `unspecified`; more may come."""


class RequestWithdrawn(AboutRequest):
    """The mentee withdrew the request, or it ended because it cannot be accepted any more."""

    TYPE: ClassVar[str] = "org.preceptor.matching.request.withdrawn.v1"
    TOPIC: ClassVar[str] = "matching.events"

    reason: Slug
    """Today `by_mentee`, `matched_elsewhere`, `matched_in_round`, `matched_in_repair` and `matched_by_coordinator` (the
    two, with each other), `mentee_left`, and `not_available` for reasons on the mentor's side; more may come."""


class RequestExpired(AboutRequest):
    """The mentor did not answer in time."""

    TYPE: ClassVar[str] = "org.preceptor.matching.request.expired.v1"
    TOPIC: ClassVar[str] = "matching.events"


MEMBER_MOVED = "member_moved"
"""The reason of a relationship that ends because it continues as another one."""


class AboutRelationship(Payload):
    """The common fields of events about a relationship."""

    AGGREGATE: ClassVar[str] = "relationship"
    TENANT: ClassVar[str] = "mentee.institution"

    relationship: Id
    programme: Id
    mentee: Recipient
    mentor: Recipient
    recipients: Annotated[tuple[Recipient, ...], Few] = ()


class RelationshipOpened(AboutRelationship):
    """A mentor and a mentee have begun a relationship. It takes one of the mentor's seats until it is put on hold or
    closed. Without request, round, repair and `continues` a coordinator has matched the two, and this event notifies
    both.
    """

    TYPE: ClassVar[str] = "org.preceptor.matching.relationship.opened.v1"
    TOPIC: ClassVar[str] = "matching.events"

    request: Id | None = None
    """The accepted request. Its event notifies the mentee."""
    round: Id | None = None
    """The round that matched the two. This event notifies both."""
    repair: Id | None = None
    """The repair that matched the two. This event notifies both."""
    continues: Id | None = None
    """The relationship that this one continues, and that is closed with the reason `member_moved`: one of the two has
    moved to another institution, where they are another member. It is paused if that one was. This event notifies
    both."""


class ConflictDetected(AboutRelationship):
    """The two must not be mentor and mentee (any more). It stays open until a coordinator or a repair acts."""

    TYPE: ClassVar[str] = "org.preceptor.matching.conflict.detected.v1"
    TOPIC: ClassVar[str] = "matching.events"

    reason: Slug
    """Today `assessment`: one of them assesses the other. More may come."""


class AssessmentChanged(Payload):
    """Whether one member assesses the other now, by a rotation of the institution. Private to mentorships, where nobody
    may hear the confidential matters of somebody whom they assess.
    """

    TYPE: ClassVar[str] = "org.preceptor.matching.assessment.changed.v1"
    TOPIC: ClassVar[str] = "matching.assessments"
    AGGREGATE: ClassVar[str] = "assessment"

    assessment: Id
    institution: Id
    """The institution that entered the rotation; one of the two may be a partner's member."""
    assessor: Id
    assessed: Id
    counts: bool
    """Whether the rotation counts now in any programme."""


class RelationshipPaused(AboutRelationship):
    """Paused by the mentee or mentor (the seat stays taken), or because one of them is inactive (the seat is free)."""

    TYPE: ClassVar[str] = "org.preceptor.matching.relationship.paused.v1"
    TOPIC: ClassVar[str] = "matching.events"

    reason: Slug
    """Today `by_mentee`, `by_mentor`, `mentee_inactive`, `mentor_inactive`; more may come."""


class RelationshipResumed(AboutRelationship):
    """Continues after a pause, with a seat."""

    TYPE: ClassVar[str] = "org.preceptor.matching.relationship.resumed.v1"
    TOPIC: ClassVar[str] = "matching.events"


class RelationshipClosed(AboutRelationship):
    """Has ended, and its seat is free. With two recipients a coordinator has ended it."""

    TYPE: ClassVar[str] = "org.preceptor.matching.relationship.closed.v1"
    TOPIC: ClassVar[str] = "matching.events"

    reason: Slug
    """Today `goals_reached`, `no_time`, `not_a_fit`, `conflict_of_interest`, `moved_on`, `unspecified`, `mentee_left`,
    `mentor_left`, `repaired` (the mentee goes to another mentor), and `introduction_left`, `introduction_over`,
    `lapsed`, `period_over` (the mentorship has ended), and `member_moved` (it continues as another one, for a member
    who has moved to another institution); more may come."""


class RoundPublished(Payload):
    """A cohort was matched in one round. Each pair has an event of its own: `relationship.opened` or
    `round.pair_lapsed`.
    """

    TYPE: ClassVar[str] = "org.preceptor.matching.round.published.v1"
    TOPIC: ClassVar[str] = "matching.events"
    AGGREGATE: ClassVar[str] = "round"

    round: Id
    programme: Id
    institution: Id
    """The programme's owner."""
    target: Slug
    """Today `fit` or `coverage`; more may come."""
    mentees: Count
    """The number of participating mentees: matched, lapsed or unmatched."""
    opened: Count
    lapsed: Count
    unmatched: Count
    input_sha256: Code
    """The digest of the input file's canonical form, as in the result."""
    result_sha256: Code
    """The digest of the result file."""
    policy_sha256: Code
    solver: Slug


class AboutPlace(Payload):
    """The common fields of events about a mentee's place in a round."""

    AGGREGATE: ClassVar[str] = "place"
    TENANT: ClassVar[str] = "mentee.institution"

    place: Id
    round: Id
    programme: Id
    mentee: Recipient
    reason: Slug
    recipients: Annotated[tuple[Recipient, ...], Few] = ()


class PairLapsed(AboutPlace):
    """A round had a mentor for this mentee, but the relationship was not possible any more when it was published.

    `reason` is today `matched_elsewhere`, `mentee_left`, `paused`, `profile_incomplete`, and `not_available` for
    reasons on the mentor's side; more may come.
    """

    TYPE: ClassVar[str] = "org.preceptor.matching.round.pair_lapsed.v1"
    TOPIC: ClassVar[str] = "matching.events"


class MenteeUnmatched(AboutPlace):
    """A round had no mentor for this mentee.

    `reason` is today one of a list's reasons for being empty, `outranked`, `outweighed`, `excluded`, `closed`,
    `matched_elsewhere` or `mentee_left`; more may come.
    """

    TYPE: ClassVar[str] = "org.preceptor.matching.round.mentee_unmatched.v1"
    TOPIC: ClassVar[str] = "matching.events"


class AboutRepair(Payload):
    """The common fields of events about a repair. The events of the relationships say who moves to whom."""

    AGGREGATE: ClassVar[str] = "repair"

    repair: Id
    programme: Id
    institution: Id
    """The programme's owner."""
    bystanders_at_most: Count
    """The limit k of mentees with a mentor whom the repair may move."""
    bystanders_moved: Count
    displaced: Count
    """The number of mentees who lost a mentor: placed or left behind."""
    placed: Count
    left_behind: Count
    blocking_pairs: Count
    """Pairs, among those examined, who prefer each other to their partners after the repair."""


class RepairPlanned(AboutRepair):
    """A plan for mentees who lost their mentor exists."""

    TYPE: ClassVar[str] = "org.preceptor.matching.repair.planned.v1"
    TOPIC: ClassVar[str] = "matching.events"

    runs_by_itself: bool = False
    """Whether the programme lets the plan run without a coordinator's approval."""


class RepairApplied(AboutRepair):
    """The plan was carried out. Mentees whose move was not possible any more count as left behind."""

    TYPE: ClassVar[str] = "org.preceptor.matching.repair.applied.v1"
    TOPIC: ClassVar[str] = "matching.events"


class MatchingErasureCompleted(Payload):
    """The receipt of matching: of an erased member it keeps only ids."""

    TYPE: ClassVar[str] = "org.preceptor.matching.erasure.completed.v1"
    TOPIC: ClassVar[str] = "matching.events"
    AGGREGATE: ClassVar[str] = "erasure"

    erasure: Id
    member: Id
    institution: Id
