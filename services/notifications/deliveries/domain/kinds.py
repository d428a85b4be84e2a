"""The kinds of mail, by the template of the notification: category, page that the mail links to, urgency."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.notifications.kernel.domain import PairUpdate, PendingNotification
from services.notifications.preferences.domain.choices import Category

_BULK: frozenset[Category] = frozenset({"lists", "rounds"})


@dataclass(frozen=True, slots=True)
class Kind:
    category: Category
    page: str
    """The path of the page, below the address of the web application."""
    is_urgent: bool = False
    """Sent in quiet hours too, and even if a mail about the same matter was sent today."""


KINDS: Mapping[str, Kind] = {
    "request-made": Kind("requests", "/asks"),
    "request-nudged": Kind("requests", "/asks"),
    "request-accepted": Kind("requests", "/mentorships"),
    "request-declined": Kind("requests", "/mentors"),
    "request-expired": Kind("requests", "/mentors"),
    "request-withdrawn": Kind("requests", "/inbox"),
    "relationship-opened": Kind("mentorships", "/mentorships"),
    "relationship-paused": Kind("mentorships", "/mentorships"),
    "relationship-resumed": Kind("mentorships", "/mentorships"),
    "relationship-closed": Kind("mentorships", "/mentorships"),
    "conflict-detected": Kind("mentorships", "/mentorships", is_urgent=True),
    "mentorship-began": Kind("mentorships", "/mentorships"),
    "mentorship-introduction_ending": Kind("mentorships", "/mentorships"),
    "mentorship-silent": Kind("mentorships", "/mentorships"),
    "mentorship-questioned": Kind("mentorships", "/mentorships"),
    "mentorship-continued": Kind("mentorships", "/mentorships"),
    "mentorship-return_planned": Kind("mentorships", "/mentorships"),
    "mentorship-return_due": Kind("mentorships", "/mentorships"),
    "mentorship-period_ending": Kind("mentorships", "/mentorships"),
    "mentorship-ended": Kind("mentorships", "/mentorships"),
    "agreement-proposed": Kind("mentorships", "/mentorships"),
    "agreement-signed": Kind("mentorships", "/mentorships"),
    "agreement-in_force": Kind("mentorships", "/mentorships"),
    "agreement-withdrawn": Kind("mentorships", "/mentorships"),
    "agreement-review_due": Kind("mentorships", "/mentorships"),
    "meeting-proposed": Kind("mentorships", "/mentorships"),
    "meeting-agreed": Kind("mentorships", "/mentorships"),
    "meeting-declined": Kind("mentorships", "/mentorships"),
    "meeting-changed": Kind("mentorships", "/mentorships", is_urgent=True),
    "meeting-cancelled": Kind("mentorships", "/mentorships", is_urgent=True),
    "meeting-reminded": Kind("mentorships", "/mentorships", is_urgent=True),
    "meeting-skipped": Kind("mentorships", "/mentorships"),
    "meeting-held": Kind("mentorships", "/mentorships"),
    "meeting-missed": Kind("mentorships", "/mentorships"),
    "flash-booked": Kind("mentorships", "/inbox"),
    "flash-cancelled": Kind("mentorships", "/inbox", is_urgent=True),
    "flash-reminded": Kind("mentorships", "/inbox", is_urgent=True),
    "flash-held": Kind("mentorships", "/inbox"),
    "flash-missed": Kind("mentorships", "/inbox"),
    "goal-changed": Kind("mentorships", "/mentorships"),
    "check_in-opened": Kind("mentorships", "/mentorships"),
    "check_in-answered": Kind("mentorships", "/mentorships"),
    "message-sent": Kind("mentorships", "/mentorships"),
    "support-changed": Kind("mentorships", "/support"),
    "hearer-listed": Kind("mentorships", "/support"),
    "suggestions-changed": Kind("lists", "/mentors"),
    "suggestions-none": Kind("lists", "/mentors"),
    "suggestions-ended": Kind("lists", "/mentors"),
    "round-lapsed": Kind("rounds", "/mentors"),
    "round-unmatched": Kind("rounds", "/mentors"),
    "erasure-requested": Kind("account", "/profile", is_urgent=True),
    "erasure-withdrawn": Kind("account", "/profile", is_urgent=True),
}


def matter_of(occasion: str) -> str:
    """What a mail is about; a reader's mail client shows the mails of a matter together.

    The occasions of a list differ by who caused the change; the matter is the list.
    """
    aggregate, *rest = occasion.split(":")
    return f"{aggregate}:{rest[0]}" if aggregate == "suggestions" else occasion


def is_bulk(notice: PendingNotification) -> bool:
    """Whether many people get such a notification at once, so that its mail yields to others'."""
    change = notice.change
    from_round = isinstance(change, PairUpdate) and change.reason == "matched_in_round"
    return from_round or KINDS[change.template].category in _BULK
