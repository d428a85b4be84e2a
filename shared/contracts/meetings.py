"""The events of meetings of two: proposed, agreed, moved, held; never what was said."""

from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from shared.contracts.mentorships import AboutMentorship
from shared.contracts.payload import Code, Count, Few, Id, Moment, Part, Slug

LocalTime = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}$")]
"""A date and time as clocks show it, like `2027-01-08T17:00`."""
NewTime = Annotated[str, StringConstraints(pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2})?$")]
"""A local time, or nothing for a meeting that is cancelled."""


class MeetingTimes(Part):
    """When the meetings of a series are, for calendars: the parts of RFC 5545. Where they are, and a link, stay in
    mentorships.
    """

    sequence: Count
    """The SEQUENCE of the calendar entry."""
    starts: LocalTime
    """The first meeting, by the clocks of `zone`."""
    zone: Code
    minutes: Count
    rule: Code = ""
    """An RRULE without its name; empty for a single meeting."""
    skipped: Annotated[tuple[LocalTime, ...], Few] = ()
    """Local times of the rule at which there is no meeting."""
    changes: Annotated[dict[LocalTime, NewTime], Few] = Field(default_factory=dict)
    """Single meetings: the new local time by that of the rule, empty if the meeting is cancelled."""


class AboutMeetings(AboutMentorship):
    """The common fields of events about a meeting series of a mentorship."""

    AGGREGATE: ClassVar[str] = "series"

    series: Id


class AboutAgreedMeetings(AboutMeetings):
    """The common fields of events that change what calendars show."""

    times: MeetingTimes | None = None
    """Absent for meetings that were never agreed, and in events of earlier versions."""


class MeetingProposed(AboutMeetings):
    """The mentee or the mentor proposed meetings, or another plan for them. The recipient has to agree."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.meeting.proposed.v1"
    TOPIC: ClassVar[str] = "mentorships.events"


class MeetingAgreed(AboutAgreedMeetings):
    """A proposed plan of meetings is in force."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.meeting.agreed.v1"
    TOPIC: ClassVar[str] = "mentorships.events"

    starts_at: Moment
    """When the first meeting of the plan begins."""


class MeetingDeclined(AboutMeetings):
    """A proposed change of agreed meetings was declined: they stay as they are."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.meeting.declined.v1"
    TOPIC: ClassVar[str] = "mentorships.events"


class MeetingChanged(AboutAgreedMeetings):
    """A single meeting was moved or cancelled."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.meeting.changed.v1"
    TOPIC: ClassVar[str] = "mentorships.events"

    starts_at: Moment
    """When it would have begun."""
    moved_to: Moment | None = None
    """When it begins now; absent if it was cancelled."""


class MeetingSkipped(AboutAgreedMeetings):
    """A meeting falls into a duty of one of the two, and is left out; later ones of the series may be too."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.meeting.skipped.v1"
    TOPIC: ClassVar[str] = "mentorships.events"

    starts_at: Moment
    reason: Slug
    """Today `shift`, `after_night` (a night duty, or the rest after it); more may come. Not whose duty it is."""
    instead_at: Moment | None = None
    """A time that suits both, if there is one soon. It is only proposed."""


class MeetingCancelled(AboutAgreedMeetings):
    """The whole series is cancelled."""

    TYPE: ClassVar[str] = "org.preceptor.mentorships.meeting.cancelled.v1"
    TOPIC: ClassVar[str] = "mentorships.events"

    reason: Slug
    """Today `cancelled` (by either), `declined` (before it was agreed), `mentorship_ended`, and `member_moved` (the
    meetings go on as another series); more may come."""


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
