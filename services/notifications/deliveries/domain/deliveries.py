"""A delivery: one for each recipient, occasion and channel. Every decision about it is kept, with its reason code.

planned ──┬────────> sending ──> sent | failed
deferred ─┘  <───────────┘           (a mail server that is busy or away: deferred again)
planned, deferred ──> suppressed
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from services.notifications.deliveries.domain.kinds import KINDS, is_bulk, matter_of
from services.notifications.kernel.domain import PendingNotification, Recipient
from services.notifications.preferences.domain.choices import Category, Choice, Policy, Preferences, choose
from services.notifications.preferences.domain.times import Cadence, after_quiet_hours, next_digest

SuppressionReason = Literal["bounced", "complaint"]
State = Literal["planned", "deferred", "sending", "sent", "failed", "suppressed"]
Reason = Literal[
    "mandatory",
    "policy_off",
    "policy_required",
    "own_choice",
    "own_choice_for_all",
    "default",
    "digest_daily",
    "digest_weekly",
    "quiet_hours",
    "one_mail_a_day",
    "just_mailed",
    "superseded",
    "already_read",
    "member_inactive",
    "erased",
    "bounced",
    "complaint",
    "no_mail_server",
    "contact_unknown",
    "claimed",
    "server_unavailable",
    "server_busy",
    "interrupted",
    "address_invalid",
    "recipient_refused",
    "message_refused",
    "given_up",
    "accepted",
]
"""Each has a sentence in `templates/mail/`."""
_DIGEST_REASONS: Mapping[Cadence, Reason] = {"daily": "digest_daily", "weekly": "digest_weekly"}
_BETWEEN_MAILS, _BETWEEN_URGENT_MAILS = timedelta(days=1), timedelta(minutes=10)
_FIRST_RETRY, _LAST_RETRY = timedelta(minutes=1), timedelta(hours=1)
_LAST_ATTEMPT = 50
"""After about two days of retries."""
_DIGESTS: Mapping[str, Cadence] = {"daily": "daily", "weekly": "weekly"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    at: datetime
    state: State
    reason: Reason
    until: datetime | None = None
    """When a planned or deferred delivery is due."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    id: str
    recipient: Recipient
    occasion: str
    matter: str
    template: str
    notification: str
    """Its id."""
    position: int
    """The notification's, when the delivery was planned or updated."""
    category: Category
    is_urgent: bool
    is_bulk: bool
    cadence: Cadence | None
    """Of the digest in which it is sent; None: a mail of its own."""
    decisions: tuple[Decision, ...]
    """The oldest first; the last one is in effect."""
    attempts: int = 0
    """How often it could not be handed over."""

    @property
    def state(self) -> State:
        return self.decisions[-1].state

    @property
    def due(self) -> datetime | None:
        return self.decisions[-1].until

    def decided(self, *decisions: Decision) -> "Delivery":
        return replace(self, decisions=(*self.decisions, *decisions))


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressee:
    """Whom a delivery goes to, and what they and their institution chose."""

    zone: ZoneInfo
    preferences: Preferences
    policy: Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What has become true since a delivery was planned."""

    addressee: Addressee | None
    """None while the contact is unknown."""
    is_erased: bool = False
    is_active: bool = True
    is_read: bool = False
    """The recipient has read the notification in the inbox."""
    is_deleted: bool = False
    """The notification is deleted."""
    suppressed: SuppressionReason | None = None
    """Why the address gets no mail any more."""
    last_mail: datetime | None = None
    """When the last mail about the same matter was sent to the recipient."""


def plan(
    notice: PendingNotification,
    addressee: Addressee,
    *,
    id: str,
    notification: str,
    position: int,
    has_mail_server: bool,
    now: datetime,
) -> Delivery:
    """The mail of a notification: planned, deferred or suppressed."""
    kind = KINDS[notice.change.template]
    choice = choose(kind.category, addressee.policy, addressee.preferences)
    cadence = None if kind.is_urgent else _DIGESTS.get(choice.frequency)
    return Delivery(
        id=id,
        recipient=notice.recipient,
        occasion=notice.occasion,
        matter=matter_of(notice.occasion),
        template=notice.change.template,
        notification=notification,
        position=position,
        category=kind.category,
        is_urgent=kind.is_urgent,
        is_bulk=is_bulk(notice) or cadence is not None,
        cadence=cadence,
        decisions=_first_decisions(choice, cadence, addressee, is_urgent=kind.is_urgent, now=now)
        if has_mail_server
        else (Decision(at=now, state="suppressed", reason="no_mail_server"),),
    )


def _first_decisions(
    choice: Choice, cadence: Cadence | None, addressee: Addressee, *, is_urgent: bool, now: datetime
) -> tuple[Decision, ...]:
    if choice.frequency == "off":
        return (Decision(at=now, state="suppressed", reason=choice.reason),)
    planned = Decision(at=now, state="planned", reason=choice.reason, until=now)
    if is_urgent:
        return (planned,)
    due = next_digest(now, cadence, addressee.preferences.digest, addressee.zone) if cadence else now
    awake = after_quiet_hours(due, addressee.preferences.quiet_hours, addressee.zone)
    if awake == now:
        return (planned,)
    reason = _DIGEST_REASONS[cadence] if cadence else "quiet_hours"
    return planned, Decision(at=now, state="deferred", reason=reason, until=awake)


def before_sending(delivery: Delivery, found: Circumstances, now: datetime) -> Decision | None:
    """Decides again when a delivery is due: None if it is to be sent now."""
    reason = _reason_not_to_send(delivery, found)
    if reason is not None:
        return Decision(at=now, state="suppressed", reason=reason)
    if found.addressee is None:
        return after_trouble(delivery, "contact_unknown", now)
    choice = choose(delivery.category, found.addressee.policy, found.addressee.preferences)
    if choice.frequency == "off":
        return Decision(at=now, state="suppressed", reason=choice.reason)
    if delivery.is_urgent:
        return _not_again(delivery, found.last_mail, now)
    return _not_yet(delivery, found.addressee, found.last_mail, now)


def _not_again(delivery: Delivery, last_mail: datetime | None, now: datetime) -> Decision | None:
    """Who moves a meeting a hundred times sends the other person its last time, and not a hundred mails."""
    if last_mail is None or delivery.category == "account" or last_mail + _BETWEEN_URGENT_MAILS <= now:
        return None
    return Decision(at=now, state="deferred", reason="just_mailed", until=last_mail + _BETWEEN_URGENT_MAILS)


def _not_yet(delivery: Delivery, addressee: Addressee, last_mail: datetime | None, now: datetime) -> Decision | None:
    due: datetime = now
    reason: Reason = "quiet_hours"
    if last_mail is not None and delivery.cadence is None and last_mail + _BETWEEN_MAILS > now:
        due, reason = last_mail + _BETWEEN_MAILS, "one_mail_a_day"
    awake = after_quiet_hours(due, addressee.preferences.quiet_hours, addressee.zone)
    return Decision(at=now, state="deferred", reason=reason, until=awake) if awake > now else None


def _reason_not_to_send(delivery: Delivery, found: Circumstances) -> Reason | None:
    is_mandatory = delivery.category == "account"
    if found.is_erased or found.is_deleted:
        return "erased"
    if found.suppressed is not None:
        return found.suppressed
    if not found.is_active and not is_mandatory:
        return "member_inactive"
    return "already_read" if found.is_read and not is_mandatory else None


def after_trouble(delivery: Delivery, reason: Reason, now: datetime) -> Decision:
    """The mail could not be handed over: tries again with growing pauses, and gives up after two days."""
    if delivery.attempts >= _LAST_ATTEMPT:
        return Decision(at=now, state="failed", reason="given_up")
    pause = min(_FIRST_RETRY * 2 ** min(delivery.attempts, 10), _LAST_RETRY)
    return Decision(at=now, state="deferred", reason=reason, until=now + pause)
