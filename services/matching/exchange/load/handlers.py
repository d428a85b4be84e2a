"""Follows the hours that mentors give, in every format: each held meeting, conversation or visit is counted once."""

from datetime import datetime
from typing import Protocol

from services.matching.exchange.load.domain import Format, Given
from shared.contracts.envelope import Received
from shared.contracts.meetings import MeetingHeld
from shared.contracts.payload import Payload
from shared.contracts.short_formats import FlashHeld, GroupMet, VisitHeld
from shared.errors import Rejected
from shared.mongo import Transaction

Held = MeetingHeld | GroupMet | FlashHeld | VisitHeld
FORMATS: dict[type[Payload], Format] = {
    MeetingHeld: "meeting",
    GroupMet: "group",
    FlashHeld: "flash",
    VisitHeld: "outreach",
}


class Record(Protocol):
    def __call__(self, transaction: Transaction, given: Given) -> None:
        """In the caller's transaction; what is recorded already stays as it is."""


class Reactions:
    def __init__(self, record: Record) -> None:
        self._record = record

    def on_held(self, received: Received, transaction: Transaction) -> None:
        event = received.payload
        if not isinstance(event, Held):
            raise Rejected("tombstone_of_a_fact", "a fact cannot be erased: this record has no value")
        giver = event.visitor if isinstance(event, VisitHeld) else event.mentor
        given = Given(
            id=f"{event.aggregate}@{_second(event.starts_at)}",
            mentor=giver.member,
            institution=giver.institution,
            format=FORMATS[type(event)],
            at=event.starts_at,
            minutes=event.minutes,
        )
        self._record(transaction, given)


def _second(moment: datetime) -> str:
    return moment.strftime("%Y%m%dT%H%M%S")
