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


class AboutMeetings(AboutMentorship):
    """The common fields of events about a meeting series of a mentorship."""

    AGGREGATE: ClassVar[str] = "series"

    series: Id


class MeetingProposed(AboutMeetings):
    """The mentee or the mentor proposed meetings, or another plan for them. The recipient has to agree."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.meeting.proposed.v1"
    TOPIC: ClassVar[str] = "mentorships.events"


class MeetingAgreed(AboutMeetings):
    """A proposed plan of meetings is in force. The recipient had proposed it."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.meeting.agreed.v1"
    TOPIC: ClassVar[str] = "mentorships.events"

    starts_at: Moment
    """When the first meeting of the plan begins."""


class MeetingDeclined(AboutMeetings):
    """A proposed change of agreed meetings was declined: they stay as they are."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.meeting.declined.v1"
    TOPIC: ClassVar[str] = "mentorships.events"


class MeetingChanged(AboutMeetings):
    """A single meeting was moved or cancelled."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.meeting.changed.v1"
    TOPIC: ClassVar[str] = "mentorships.events"

    starts_at: Moment
    """When it would have begun."""
    moved_to: Moment | None = None
    """When it begins now; absent if it was cancelled."""


class MeetingSkipped(AboutMeetings):
    """A meeting falls into a duty of one of the two, and is left out; later ones of the series may be too."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.meeting.skipped.v1"
    TOPIC: ClassVar[str] = "mentorships.events"

    starts_at: Moment
    reason: Slug
    """Today `shift`, `after_night` (a night duty, or the rest after it); more may come. Not whose duty it is."""
    instead_at: Moment | None = None
    """A time that suits both, if there is one soon. It is only proposed."""


class MeetingCancelled(AboutMeetings):
    """The whole series is cancelled."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.meeting.cancelled.v1"
    TOPIC: ClassVar[str] = "mentorships.events"

    reason: Slug
    """Today `cancelled` (by either), `declined` (before it was agreed) and `mentorship_ended`; more may come."""


class MeetingReminded(AboutMeetings):
    """A meeting is near. At most once for each."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.meeting.reminded.v1"
    TOPIC: ClassVar[str] = "mentorships.events"

    starts_at: Moment


class MeetingHeld(AboutMeetings):
    """The mentee or the mentor said that a meeting was held."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.meeting.held.v1"
    TOPIC: ClassVar[str] = "mentorships.events"

    starts_at: Moment
    minutes: Count
    """As planned."""


class MeetingMissed(AboutMeetings):
    """The mentee or the mentor said that a meeting did not take place. `meeting.held` may correct it."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.meeting.missed.v1"
    TOPIC: ClassVar[str] = "mentorships.events"

    starts_at: Moment
    minutes: Count
    """As planned."""


class MeetingUnknown(AboutMeetings):
    """Nobody said within a week whether a meeting was held. `meeting.held` or `meeting.missed` may still follow."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.meeting.unknown.v1"
    TOPIC: ClassVar[str] = "mentorships.events"

    starts_at: Moment


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


class FlashOffered(Payload):
    """A mentor offers a slot for a short conversation, outside of a mentorship."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.flash.offered.v1"
    TOPIC: ClassVar[str] = "mentorships.events"
    AGGREGATE: ClassVar[str] = "slot"
    TENANT: ClassVar[str] = "mentor.institution"

    slot: Id
    programme: Id
    mentor: Recipient
    starts_at: Moment
    minutes: Count


class AboutFlash(Payload):
    """The common fields of events about a flash slot that a mentee has booked. What the two write stays in
    mentorships.
    """

    AGGREGATE: ClassVar[str] = "slot"
    TENANT: ClassVar[str] = "mentor.institution"

    slot: Id
    programme: Id
    mentee: Recipient
    mentor: Recipient
    starts_at: Moment
    minutes: Count
    recipients: Annotated[tuple[Recipient, ...], Few] = ()


class FlashBooked(AboutFlash):
    """A mentee has booked the slot."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.flash.booked.v1"
    TOPIC: ClassVar[str] = "mentorships.events"


class FlashCancelled(AboutFlash):
    """The booking is cancelled: by the mentee, then others can book the slot, or by the mentor with the slot."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.flash.cancelled.v1"
    TOPIC: ClassVar[str] = "mentorships.events"

    reason: Slug
    """Today `by_mentee`, `by_mentor`, `mentee_left`, `mentor_left` (an erasure); more may come."""


class FlashReminded(AboutFlash):
    """Both are reminded of the conversation a day before, once."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.flash.reminded.v1"
    TOPIC: ClassVar[str] = "mentorships.events"


class FlashHeld(AboutFlash):
    """The conversation took place, as one of the two said. Its minutes are hours that the mentor gave."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.flash.held.v1"
    TOPIC: ClassVar[str] = "mentorships.events"


class FlashMissed(AboutFlash):
    """The conversation did not take place, as one of the two said; may be followed by `flash.held`."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.flash.missed.v1"
    TOPIC: ClassVar[str] = "mentorships.events"


class AboutVisit(Payload):
    """The common fields of events about a member's outreach visit to a school. School, host and notes stay in
    mentorships; nothing is known of pupils but their number.
    """

    AGGREGATE: ClassVar[str] = "visit"
    TENANT: ClassVar[str] = "visitor.institution"

    visit: Id
    visitor: Recipient
    starts_at: Moment
    minutes: Count


class VisitPlanned(AboutVisit):
    """A visit is planned, or its time has changed."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.visit.planned.v1"
    TOPIC: ClassVar[str] = "mentorships.events"


class VisitCancelled(AboutVisit):
    """The visit does not take place, or did not."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.visit.cancelled.v1"
    TOPIC: ClassVar[str] = "mentorships.events"


class VisitReminded(AboutVisit):
    """The visitor is reminded two days before, once for each time that was planned."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.visit.reminded.v1"
    TOPIC: ClassVar[str] = "mentorships.events"

    recipients: Annotated[tuple[Recipient, ...], Few] = ()


class VisitHeld(AboutVisit):
    """The visit took place. Its minutes are hours that the visitor gave."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.visit.held.v1"
    TOPIC: ClassVar[str] = "mentorships.events"


class AboutGroup(Payload):
    """The common fields of events about a mentoring group: mentorships of one mentor with one agreement and the same
    meetings. Its terms stay in mentorships.
    """

    AGGREGATE: ClassVar[str] = "group"
    TENANT: ClassVar[str] = "mentor.institution"

    group: Id
    programme: Id
    mentor: Recipient


class GroupNews(AboutGroup):
    """The common fields of events of which people in a group are notified."""

    recipients: Annotated[tuple[Recipient, ...], Few] = ()


class GroupOpened(GroupNews):
    """A mentor opened a group. The recipients are its mentees, who are asked to sign its terms."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.group.opened.v1"
    TOPIC: ClassVar[str] = "mentorships.events"


class GroupChanged(GroupNews):
    """Something has changed for the people of a group."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.group.changed.v1"
    TOPIC: ClassVar[str] = "mentorships.events"

    what: Slug
    """Today `terms_proposed`, `terms_in_force`, `meetings_planned`, `meeting_cancelled`, `mentee_left`; more may
    come."""


class GroupReminded(GroupNews):
    """A meeting of the group is near. At most once for each."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.group.reminded.v1"
    TOPIC: ClassVar[str] = "mentorships.events"

    starts_at: Moment


class GroupMet(AboutGroup):
    """A meeting of the group was held. Its minutes are hours that the mentor gave, once for all mentees."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.group.met.v1"
    TOPIC: ClassVar[str] = "mentorships.events"

    starts_at: Moment
    minutes: Count


class GroupEnded(GroupNews):
    """The group has ended. The mentorships in it go on."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.group.ended.v1"
    TOPIC: ClassVar[str] = "mentorships.events"

    reason: Slug
    """Today `by_mentor` and `too_few` (fewer than two mentees were left); more may come."""


class MentorshipsErasureCompleted(Payload):
    """The receipt of mentorships: of an erased member it keeps only ids."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.erasure.completed.v1"
    TOPIC: ClassVar[str] = "mentorships.events"
    AGGREGATE: ClassVar[str] = "erasure"

    erasure: Id
    member: Id
    institution: Id
