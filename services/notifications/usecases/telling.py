"""An event that people must hear of becomes one notification for each recipient and occasion."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from services.notifications.domain import ListChange, Mentor, Notice, Notification, Recipient, notices, tell
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.contracts.matching import SuggestionsChanged
from shared.contracts.notifications import NotificationRecorded
from shared.outbox import Fact


class Ledger(Protocol):
    """The store within one transaction. Raising a recipient's counter first makes tellers of one person take turns."""

    async def next_position(self, recipient: Recipient) -> int: ...

    async def unread(self, notices: Sequence[Notice]) -> Mapping[Recipient, Notification]: ...

    async def save(self, told: Sequence[Notification], *, new: frozenset[str], facts: Sequence[Fact]) -> None: ...


class Telling:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def suggestions_changed(self, event: SuggestionsChanged, trace: Trace, ledger: Ledger) -> None:
        recipients = [Recipient(institution=to.institution, member=to.member) for to in event.recipients]
        told = notices(_change(event), cause=event.cause, recipients=recipients)
        if told:
            await self._tell(told, trace, ledger)

    async def _tell(self, told: Sequence[Notice], trace: Trace, ledger: Ledger) -> None:
        positions = {notice.recipient: await ledger.next_position(notice.recipient) for notice in told}
        unread = await ledger.unread(told)
        now = self._clock.now()
        notifications = [
            tell(
                notice,
                unread.get(notice.recipient),
                position=positions[notice.recipient],
                now=now,
                id=self._clock.new_id(),
            )
            for notice in told
        ]
        new = frozenset(one.id for one in notifications if one.recipient not in unread)
        await ledger.save(notifications, new=new, facts=[self._fact(one, trace) for one in notifications])

    def _fact(self, told: Notification, trace: Trace) -> Fact:
        """The recipient's counter serves as the notification's sequence: it rises with every change of it."""
        payload = NotificationRecorded(
            notification=told.id,
            member=told.recipient.member,
            institution=told.recipient.institution,
            template=told.template,
            occasion=told.occasion,
            position=told.position,
        )
        return Fact(
            id=self._clock.new_id(),
            payload=payload,
            institution=told.recipient.institution,
            sequence=told.position,
            time=told.told_at,
            trace=trace,
        )


def _change(event: SuggestionsChanged) -> ListChange:
    entered = set(event.entered)
    return ListChange(
        programme=event.programme,
        total=len(event.ranked),
        entered=tuple(
            Mentor(member=one.mentor, institution=one.institution)
            for one in sorted(event.ranked, key=lambda one: one.rank)
            if one.mentor in entered
        ),
        left=event.left,
        unmatched=event.unmatched,
    )
