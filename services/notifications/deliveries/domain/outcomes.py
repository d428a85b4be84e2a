"""What becomes of a mail that was given to the mail server, and what follows for the address."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from services.notifications.deliveries.domain.deliveries import (
    Decision,
    Delivery,
    Reason,
    SuppressionReason,
    after_trouble,
)

Result = Literal[
    "accepted",  # the server has taken it
    "busy",  # the server asks to try again later (4xx)
    "interrupted",  # no answer in time, or the connection broke: it may have been taken
    "recipient_refused",  # there is no such address (5xx)
    "message_refused",  # any other permanent refusal
    "address_invalid",  # nothing was sent
    "unavailable",  # no connection, no TLS or no sign-in: no mail can be sent
]
_FINAL: Mapping[Result, Reason] = {
    "recipient_refused": "recipient_refused",
    "message_refused": "message_refused",
    "address_invalid": "address_invalid",
}
_REFUSALS = 2
"""After so many permanent refusals in a row an address gets no mail any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suppression:
    """An address to which mail could not be delivered, or from which a complaint came."""

    address_digest: str
    refusals: int
    reason: SuppressionReason | None
    """Why no mail is sent there; None while it still is."""
    at: datetime


def decide(delivery: Delivery, result: Result, now: datetime) -> Decision:
    """Not for `unavailable`, which says nothing about the delivery."""
    if result == "accepted":
        return Decision(at=now, state="sent", reason="accepted")
    if result in {"busy", "interrupted"}:
        return after_trouble(delivery, "server_busy" if result == "busy" else "interrupted", now)
    return Decision(at=now, state="failed", reason=_FINAL[result])


def after_refusal(known: Suppression | None, *, address_digest: str, now: datetime) -> Suppression:
    before = known.refusals if known is not None and known.address_digest == address_digest else 0
    refusals = before + 1
    return Suppression(
        address_digest=address_digest, refusals=refusals, reason="bounced" if refusals >= _REFUSALS else None, at=now
    )


def after_report(kind: Literal["bounce", "complaint"], *, address_digest: str, now: datetime) -> Suppression:
    """A permanent bounce or a complaint that came back later: no mail to the address any more."""
    reason: SuppressionReason = "bounced" if kind == "bounce" else "complaint"
    return Suppression(address_digest=address_digest, refusals=_REFUSALS, reason=reason, at=now)
