"""The events of mentoring beside a relationship of two: flash slots, outreach visits, groups."""

from typing import Annotated, ClassVar

from shared.contracts.payload import Count, Few, Id, Moment, Payload, Recipient, Slug


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


class GroupMenteeRemoved(GroupNews):
    """The mentor took a mentee out of the group, who is the recipient. Their mentorship goes on."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.group.mentee_removed.v1"
    TOPIC: ClassVar[str] = "mentorships.events"


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
