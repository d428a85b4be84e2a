"""The events of mentorships: how a mentorship goes, with ids, dates and codes; never a text that people wrote."""

from typing import Annotated, ClassVar

from shared.contracts.payload import Count, Few, Id, Moment, Payload, Recipient, Slug


class AboutMentorship(Payload):
    """The common fields of events about a mentorship. Its id is that of matching's relationship."""

    AGGREGATE: ClassVar[str] = "mentorship"
    TENANT: ClassVar[str] = "mentee.institution"

    mentorship: Id
    programme: Id
    mentee: Recipient
    mentor: Recipient
    recipients: Annotated[tuple[Recipient, ...], Few] = ()


class MentorshipBegan(AboutMentorship):
    """A relationship was opened, and begins with an introduction, unless its programme has none."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.mentorship.began.v1"
    TOPIC: ClassVar[str] = "mentorships.events"

    introduction_ends_at: Moment | None = None


class IntroductionEnding(AboutMentorship):
    """The introduction ends soon, and no agreement is signed by both: without one the mentorship ends then."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.mentorship.introduction_ending.v1"
    TOPIC: ClassVar[str] = "mentorships.events"

    ends_at: Moment


class MentorshipActivated(AboutMentorship):
    """The introduction is over, because both signed the agreement."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.mentorship.activated.v1"
    TOPIC: ClassVar[str] = "mentorships.events"

    ends_at: Moment | None = None
    """When the agreed period ends."""


class MentorshipSilent(AboutMentorship):
    """The two have not met for twice the agreed interval. Both are reminded, once."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.mentorship.silent.v1"
    TOPIC: ClassVar[str] = "mentorships.events"

    asked_at: Moment
    """When both are asked how to go on, if they have not met until then."""


class MentorshipQuestioned(AboutMentorship):
    """Both are asked whether to go on, pause or end, because a reminder brought no meeting."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.mentorship.questioned.v1"
    TOPIC: ClassVar[str] = "mentorships.events"

    lapses_at: Moment
    """When the mentorship ends, if nobody answers and they do not meet."""


class MentorshipContinued(AboutMentorship):
    """The mentee or the mentor answered that the mentorship goes on."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.mentorship.continued.v1"
    TOPIC: ClassVar[str] = "mentorships.events"


class MentorshipPaused(AboutMentorship):
    """All clocks of the mentorship stop."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.mentorship.paused.v1"
    TOPIC: ClassVar[str] = "mentorships.events"

    reason: Slug
    """As on the relationship's event; more may come."""


class ReturnPlanned(AboutMentorship):
    """The mentee or the mentor said when a paused mentorship goes on, or that this is open again."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.mentorship.return_planned.v1"
    TOPIC: ClassVar[str] = "mentorships.events"

    returns_at: Moment | None = None


class MentorshipReturnDue(AboutMentorship):
    """The planned end of a pause is reached. matching resumes the relationship if nothing stands against it."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.mentorship.return_due.v1"
    TOPIC: ClassVar[str] = "mentorships.events"


class MentorshipResumed(AboutMentorship):
    """All clocks continue where they stopped."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.mentorship.resumed.v1"
    TOPIC: ClassVar[str] = "mentorships.events"


class PeriodEnding(AboutMentorship):
    """The agreed period ends soon: the two can extend it by a new version of the agreement."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.mentorship.period_ending.v1"
    TOPIC: ClassVar[str] = "mentorships.events"

    ends_at: Moment


class MentorshipEnded(AboutMentorship):
    """The mentorship is over. matching closes the relationship if it is still open, and frees the seat."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.mentorship.ended.v1"
    TOPIC: ClassVar[str] = "mentorships.events"

    reason: Slug
    """Today `introduction_left` (by either, without fault), `introduction_over` (no agreement in time), `lapsed` (no
    meeting and no answer), `period_over`, and the reasons of `relationship.closed`; more may come."""
    was_introduction: bool = False
    """Whether no agreement was in force."""


class AboutAgreement(AboutMentorship):
    """The common fields of events about the agreement of a mentorship. Its texts stay in mentorships."""

    AGGREGATE: ClassVar[str] = "agreement"

    agreement: Id
    """`<mentorship>.agreement`."""
    number: Count
    """The version of the agreement, from 1."""


class AgreementProposed(AboutAgreement):
    """The mentee or the mentor drafted the agreement, or proposed a change. It replaces an open proposal."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.agreement.proposed.v1"
    TOPIC: ClassVar[str] = "mentorships.events"

    by: Slug
    """`mentee` or `mentor`."""


class AgreementSigned(AboutAgreement):
    """The first of the two signed this version."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.agreement.signed.v1"
    TOPIC: ClassVar[str] = "mentorships.events"

    by: Slug
    """`mentee` or `mentor`."""


class AgreementInForce(AboutAgreement):
    """Both signed this version. It replaces the one that was in force."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.agreement.in_force.v1"
    TOPIC: ClassVar[str] = "mentorships.events"

    ends_at: Moment
    """When the agreed period ends."""
    interval_days: Count
    """How often the two agreed to meet."""


class AgreementWithdrawn(AboutAgreement):
    """The mentee or the mentor withdrew their proposal. A version in force stays."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.agreement.withdrawn.v1"
    TOPIC: ClassVar[str] = "mentorships.events"

    by: Slug
    """`mentee` or `mentor`."""


class AgreementReviewDue(AboutAgreement):
    """The two agreed to look at their agreement again on this day. At most once for each version in force."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.agreement.review_due.v1"
    TOPIC: ClassVar[str] = "mentorships.events"


class GoalChanged(AboutMentorship):
    """The mentee set, changed or ended a goal, or one of the two commented on it. Its text stays in mentorships."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.goal.changed.v1"
    TOPIC: ClassVar[str] = "mentorships.events"
    AGGREGATE: ClassVar[str] = "goal"

    goal: Id
    what: Slug
    """Today `set`, `changed`, `shared`, `completed`, `dropped`, `reopened`, `commented`; more may come."""


class AboutCheckIns(AboutMentorship):
    """The common fields of events about the check-ins of a mentorship."""

    AGGREGATE: ClassVar[str] = "check_ins"

    check_ins: Id
    """`<mentorship>.check-ins`."""
    period: Slug
    """Today `day_30`, `day_90`, `day_180`, `end`; more may come."""


class CheckInOpened(AboutCheckIns):
    """Both are asked how the mentorship goes."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.check_in.opened.v1"
    TOPIC: ClassVar[str] = "mentorships.events"


class CheckInAnswered(AboutCheckIns):
    """One of the two answered, or corrected their answer. The answer stays in mentorships."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.check_in.answered.v1"
    TOPIC: ClassVar[str] = "mentorships.events"

    by: Slug
    """`mentee` or `mentor`."""


class MessageSent(AboutMentorship):
    """One of the two wrote to the other. The text stays in mentorships."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.message.sent.v1"
    TOPIC: ClassVar[str] = "mentorships.events"
    AGGREGATE: ClassVar[str] = "message"

    message: Id


class SupportChanged(Payload):
    """Something is new in a confidential request for support. It says neither what, nor whether the recipient asked or
    hears it.
    """

    TYPE: ClassVar[str] = "org.preceptor.mentorships.support.changed.v1"
    TOPIC: ClassVar[str] = "mentorships.events"
    AGGREGATE: ClassVar[str] = "support"

    support: Id
    institution: Id
    recipients: Annotated[tuple[Recipient, ...], Few] = ()


class HearerListed(Payload):
    """An institution asks the recipient to hear its members in confidence."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.hearer.listed.v1"
    TOPIC: ClassVar[str] = "mentorships.events"
    AGGREGATE: ClassVar[str] = "hearer"

    hearer: Id
    institution: Id
    recipients: Annotated[tuple[Recipient, ...], Few] = ()


class MentorshipsErasureCompleted(Payload):
    """The receipt of mentorships: of an erased member it keeps only ids."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.erasure.completed.v1"
    TOPIC: ClassVar[str] = "mentorships.events"
    AGGREGATE: ClassVar[str] = "erasure"

    erasure: Id
    member: Id
    institution: Id
