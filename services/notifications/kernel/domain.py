"""Notifications: a new one updates the unread notification of the same occasion.

Positions count every notification and update of one recipient. An update takes a new position, so it rises to the top,
and keeps the list from before, so that it shows all changes since the person last read.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from shared.contracts.meetings import MeetingTimes

_UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    institution: str
    member: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    member: str
    institution: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownContact:
    """What the contact of a member says about them."""

    institution: str
    is_erased: bool
    zone: ZoneInfo = _UTC


Side = Literal["mentee", "mentor"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListChange:
    """How a mentee's list of mentors has changed since they last read a notification of it."""

    programme: str
    before: frozenset[str]
    now: tuple[Person, ...]
    """Best first."""
    unmatched: str | None = None
    """Why the list is empty: a code."""

    @property
    def entered(self) -> tuple[Person, ...]:
        return tuple(mentor for mentor in self.now if mentor.member not in self.before)

    @property
    def left(self) -> frozenset[str]:
        return self.before - {mentor.member for mentor in self.now}

    @property
    def template(self) -> str:
        if self.unmatched:
            return "suggestions-none"
        return "suggestions-changed" if self.now else "suggestions-ended"

    def named_to(self, home: str) -> frozenset[Person]:
        """The mentors whom a reader of this institution may see by name."""
        return frozenset(mentor for mentor in self.entered if mentor.institution == home)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairUpdate:
    """A change of a request, a relationship or a mentorship, for one of the two members."""

    template: str
    programme: str
    side: Side
    """The reader's."""
    other: Person
    reason: str | None = None
    """A code."""
    is_accepted: bool
    """Both have accepted: from then on they see each other's names across institutions."""
    at: datetime | None = None
    """The moment that the event announces, such as the end of an introduction."""
    times: MeetingTimes | None = None
    """Of agreed meetings, for calendars."""

    def named_to(self, home: str) -> frozenset[Person]:
        return frozenset({self.other} if self.is_accepted or self.other.institution == home else ())


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOver:
    """A round had no mentor for the reader, or their mentor was no longer available at publication."""

    template: str
    programme: str
    reason: str
    """A code."""

    def named_to(self, _home: str) -> frozenset[Person]:
        return frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureNotice:
    """A coordinator asked that the reader be erased, or has withdrawn that request."""

    template: str
    due_at: datetime | None
    """None once the request is withdrawn."""
    programme: str = ""
    """It concerns no programme."""

    def named_to(self, _home: str) -> frozenset[Person]:
        return frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """Something is new, and the notification does not say what: it is confidential, an invitation, or one's own."""

    template: str
    programme: str = ""
    """Of an invitation."""

    def named_to(self, _home: str) -> frozenset[Person]:
        return frozenset()


Change = ListChange | PairUpdate | LeftOver | ErasureNotice | Hint


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingNotification:
    """A notification that is not recorded yet."""

    recipient: Recipient
    occasion: str
    change: Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    id: str
    recipient: Recipient
    occasion: str
    change: Change
    position: int
    notified_at: datetime
    read_at: datetime | None = None

    @property
    def template(self) -> str:
        return self.change.template

    @property
    def named(self) -> frozenset[Person]:
        return self.change.named_to(self.recipient.institution)

    @property
    def mentioned(self) -> tuple[Person, ...]:
        """Everybody of whom the text shows at least the institution."""
        if isinstance(self.change, ListChange):
            return self.change.entered
        return (self.change.other,) if isinstance(self.change, PairUpdate) else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """By id. A missing name is not known yet, or this reader may not see it."""

    members: Mapping[str, str]
    institutions: Mapping[str, str]
    programmes: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarUpdate:
    """What a mail changes in the reader's calendar."""

    series: str
    times: MeetingTimes
    is_cancelled: bool
    other: str
    """The name of the person whom the reader meets; empty where it is not known."""
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    title: str
    body: str
    calendar: CalendarUpdate | None = None


def calendar_update(notification: Notification, names: Names) -> CalendarUpdate | None:
    change = notification.change
    if not isinstance(change, PairUpdate) or change.times is None:
        return None
    return CalendarUpdate(
        series=notification.occasion.rpartition(":")[2],
        times=change.times,
        is_cancelled=change.template == "meeting-cancelled",
        other=names.members.get(change.other.member, ""),
        at=notification.notified_at,
    )


def pending_notifications(
    change: ListChange, *, cause: str, recipients: Iterable[Recipient]
) -> list[PendingNotification]:
    """One for each recipient. A takeover of a list by another process counts as others' change."""
    own = "own_change" if cause == "own_change" else "others_change"
    occasion = f"suggestions:{change.programme}:{own}"
    return [
        PendingNotification(recipient=recipient, occasion=occasion, change=change)
        for recipient in dict.fromkeys(recipients)
    ]
