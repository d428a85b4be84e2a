"""The kinds of mail, by the template of the notification: category, page that the mail links to, urgency."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.notifications.kernel.domain import PairUpdate, PendingNotification
from services.notifications.preferences.domain.choices import Category

_INVITATIONS = frozenset({"member-invited", "member-reminded"})
_BULK: frozenset[Category] = frozenset({"lists", "rounds"})


@dataclass(frozen=True, slots=True)
class Kind:
    category: Category
    page: str
    """The path of the page, below the address of the web application; `{id}` is that of what the mail is about."""
    is_urgent: bool = False
    """Sent in quiet hours too, and even if a mail about the same matter was sent today."""


KINDS: Mapping[str, Kind] = {
    "request-made": Kind("requests", "/asks/{id}"),
    "request-nudged": Kind("requests", "/asks/{id}"),
    "request-accepted": Kind("requests", "/requests/{id}"),
    "request-declined": Kind("requests", "/mentors"),
    "request-expired": Kind("requests", "/mentors"),
    "request-withdrawn": Kind("requests", "/inbox"),
    "relationship-opened": Kind("mentorships", "/mentorships/{id}"),
    "relationship-paused": Kind("mentorships", "/mentorships/{id}"),
    "relationship-resumed": Kind("mentorships", "/mentorships/{id}"),
    "relationship-closed": Kind("mentorships", "/mentorships/{id}"),
    "conflict-detected": Kind("mentorships", "/mentorships/{id}", is_urgent=True),
    "mentorship-began": Kind("mentorships", "/mentorships/{id}"),
    "mentorship-introduction_ending": Kind("mentorships", "/mentorships/{id}"),
    "mentorship-silent": Kind("mentorships", "/mentorships/{id}"),
    "mentorship-questioned": Kind("mentorships", "/mentorships/{id}"),
    "mentorship-continued": Kind("mentorships", "/mentorships/{id}"),
    "mentorship-return_planned": Kind("mentorships", "/mentorships/{id}"),
    "mentorship-return_due": Kind("mentorships", "/mentorships/{id}"),
    "mentorship-period_ending": Kind("mentorships", "/mentorships/{id}"),
    "mentorship-ended": Kind("mentorships", "/mentorships/{id}"),
    "agreement-proposed": Kind("mentorships", "/mentorships/{id}/agreement"),
    "agreement-signed": Kind("mentorships", "/mentorships/{id}/agreement"),
    "agreement-in_force": Kind("mentorships", "/mentorships/{id}/agreement"),
    "agreement-withdrawn": Kind("mentorships", "/mentorships/{id}/agreement"),
    "agreement-review_due": Kind("mentorships", "/mentorships/{id}/agreement"),
    "meeting-proposed": Kind("mentorships", "/meetings/{id}"),
    "meeting-agreed": Kind("mentorships", "/meetings/{id}"),
    "meeting-declined": Kind("mentorships", "/meetings/{id}"),
    "meeting-changed": Kind("mentorships", "/meetings/{id}", is_urgent=True),
    "meeting-cancelled": Kind("mentorships", "/meetings/{id}", is_urgent=True),
    "meeting-reminded": Kind("mentorships", "/meetings/{id}", is_urgent=True),
    "meeting-skipped": Kind("mentorships", "/meetings/{id}"),
    "meeting-held": Kind("mentorships", "/meetings/{id}"),
    "meeting-missed": Kind("mentorships", "/meetings/{id}"),
    "flash-booked": Kind("mentorships", "/flash/{id}"),
    "flash-cancelled": Kind("mentorships", "/flash/{id}", is_urgent=True),
    "flash-reminded": Kind("mentorships", "/flash/{id}", is_urgent=True),
    "flash-held": Kind("mentorships", "/flash/{id}"),
    "flash-missed": Kind("mentorships", "/flash/{id}"),
    "visit-reminded": Kind("mentorships", "/visits/{id}", is_urgent=True),
    "group-opened": Kind("mentorships", "/groups/{id}"),
    "group-changed": Kind("mentorships", "/groups/{id}"),
    "group-mentee_removed": Kind("mentorships", "/groups"),
    "group-reminded": Kind("mentorships", "/groups/{id}", is_urgent=True),
    "group-ended": Kind("mentorships", "/groups/{id}"),
    "goal-changed": Kind("mentorships", "/mentorships/{id}/goals"),
    "check_in-opened": Kind("mentorships", "/mentorships/{id}/check-ins"),
    "check_in-answered": Kind("mentorships", "/mentorships/{id}/check-ins"),
    "message-sent": Kind("mentorships", "/mentorships/{id}/messages"),
    "support-changed": Kind("mentorships", "/support"),
    "hearer-listed": Kind("mentorships", "/support/entries/{id}"),
    "suggestions-changed": Kind("lists", "/mentors"),
    "suggestions-none": Kind("lists", "/mentors"),
    "suggestions-ended": Kind("lists", "/mentors"),
    "round-lapsed": Kind("rounds", "/mentors"),
    "round-unmatched": Kind("rounds", "/mentors"),
    "member-invited": Kind("account", "/invitation", is_urgent=True),
    "member-reminded": Kind("account", "/invitation", is_urgent=True),
    "erasure-requested": Kind("account", "/profile", is_urgent=True),
    "erasure-withdrawn": Kind("account", "/profile", is_urgent=True),
}


def matter_of(occasion: str) -> str:
    """What a mail is about; a reader's mail client shows the mails of a matter together.

    The occasions of a list differ by who caused the change; the matter is the list.
    """
    aggregate, *rest = occasion.split(":")
    return f"{aggregate}:{rest[0]}" if aggregate == "suggestions" else occasion


def page_of(template: str, occasion: str) -> str:
    """The page of what the mail is about, by the id with which an occasion ends."""
    return KINDS[template].page.format(id=occasion.rpartition(":")[2])


def is_bulk(notice: PendingNotification) -> bool:
    """Whether many people get such a notification at once, so that its mail yields to others'."""
    change = notice.change
    is_one_of_many = change.template in _INVITATIONS
    from_round = isinstance(change, PairUpdate) and change.reason == "matched_in_round"
    return from_round or is_one_of_many or KINDS[change.template].category in _BULK
