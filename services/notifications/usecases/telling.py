"""An event that people must hear of becomes one notification for each recipient and occasion."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.notifications.domain import ListChange, Mentor, Notice, Notification, Recipient, notices, tell
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.contracts.matching import SuggestionsChanged
from shared.contracts.notifications import NotificationRecorded


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    notification: Notification
    is_new: bool
    event: str
    """Id of the fact that says so."""
    recorded: NotificationRecorded


class Ledger(Protocol):
    """The store within one transaction. Raising a recipient's counter first makes tellers of one person take turns."""

    async def next_position(self, recipient: Recipient) -> int: ...

    async def unread(self, notices: Sequence[Notice]) -> Mapping[Recipient, Notification]: ...

    async def save(self, told: Sequence[Told], trace: Trace) -> None: ...


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
        await ledger.save(
            [self._told(notice, unread.get(notice.recipient), positions[notice.recipient]) for notice in told], trace
        )

    def _told(self, notice: Notice, unread: Notification | None, position: int) -> Told:
        now, fresh_id = self._clock.now(), self._clock.new_id()
        notification = tell(notice, unread, position=position, now=now, id=fresh_id)
        recorded = NotificationRecorded(
            notification=notification.id,
            member=notification.recipient.member,
            institution=notification.recipient.institution,
            template=notification.template,
            occasion=notification.occasion,
            position=notification.position,
        )
        return Told(notification=notification, is_new=unread is None, event=self._clock.new_id(), recorded=recorded)


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
