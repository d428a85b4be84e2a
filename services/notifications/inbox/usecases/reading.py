"""A person's own inbox: every query names the institution and the member."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol
from zoneinfo import ZoneInfo

from services.notifications.inbox.usecases.live import InboxListeners
from services.notifications.kernel.domain import Message, Names, Notification, Recipient
from services.notifications.projections.domain import Reader
from services.notifications.projections.usecases import Readers
from shared.auth import Principal
from shared.clock import Clock
from shared.errors import NotFound

_AT_ONCE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    notification: Notification
    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The last item of a stream that the server ends early, with the reason."""

    reason: Literal["token_expired", "member_inactive"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxPage:
    entries: Sequence[Entry]
    unread: int
    position: int
    """The reader's counter: every notification so far is at or below it."""
    next: int | None
    """The cursor of the next page: it holds the notifications below this position."""


class InboxRepository(Protocol):
    async def newest(
        self, recipient: Recipient, *, below: int | None, unread_only: bool, limit: int
    ) -> list[Notification]: ...

    async def above(self, recipient: Recipient, *, position: int, limit: int) -> list[Notification]: ...

    async def unread_count(self, recipient: Recipient) -> int: ...

    async def position(self, recipient: Recipient) -> int: ...

    async def mark_read(self, recipient: Recipient, *, id: str, now: datetime) -> Notification | None: ...

    async def mark_read_up_to(self, recipient: Recipient, *, position: int, now: datetime) -> int: ...


class NameRepository(Protocol):
    async def names(self, recipient: Recipient, notifications: Sequence[Notification]) -> Names: ...


class Signal(Protocol):
    def is_set(self) -> bool: ...

    async def wait(self) -> object: ...


class MessageRenderer(Protocol):
    def message(self, notification: Notification, *, locale: str, zone: ZoneInfo, names: Names) -> Message: ...


class Inbox:
    def __init__(
        self,
        repository: InboxRepository,
        readers: Readers,
        names: NameRepository,
        renderer: MessageRenderer,
        listeners: InboxListeners,
        clock: Clock,
    ) -> None:
        self._repository = repository
        self._readers = readers
        self._names = names
        self._renderer = renderer
        self._listeners = listeners
        self._clock = clock

    async def reader(self, me: Principal) -> Reader:
        return await self._readers.active(me)

    async def all(self, reader: Reader) -> tuple[Sequence[Entry], int]:
        """The whole inbox, the oldest first, and the reader's counter."""
        found = await self._repository.above(reader.recipient, position=0, limit=0)
        return await self._entries(reader, found), await self._repository.position(reader.recipient)

    async def page(self, reader: Reader, *, below: int | None, unread_only: bool, limit: int) -> InboxPage:
        recipient = reader.recipient
        # Reads the counter first: later notifications are above it, and the live stream continues from there.
        position = await self._repository.position(recipient)
        found, unread = await asyncio.gather(
            self._repository.newest(recipient, below=below, unread_only=unread_only, limit=limit + 1),
            self._repository.unread_count(recipient),
        )
        shown = found[:limit]
        return InboxPage(
            entries=await self._entries(reader, shown),
            unread=unread,
            position=position,
            next=shown[-1].position if len(found) > limit else None,
        )

    async def read(self, reader: Reader, *, id: str) -> Entry:
        """Reading again changes nothing."""
        read = await self._repository.mark_read(reader.recipient, id=id, now=self._clock.now())
        if read is None:
            raise NotFound("notification_not_found", "there is no notification with this id in your inbox")
        return (await self._entries(reader, [read]))[0]

    async def read_up_to(self, reader: Reader, *, position: int) -> tuple[int, int]:
        """Returns how many became read, and how many are still unread."""
        marked = await self._repository.mark_read_up_to(reader.recipient, position=position, now=self._clock.now())
        return marked, await self._repository.unread_count(reader.recipient)

    async def follow(
        self, me: Principal, reader: Reader, *, after: int | None, seconds: float, ending: Signal
    ) -> AsyncGenerator[Entry | Ended, None]:
        """Yields what was missed since `after`, then new entries, for `seconds` or until `ending`.

        Without `after` it yields new entries only. It ends when the token expires, and when the reader becomes inactive
        or is erased, which is checked before each send.
        """
        token_until = self._clock.monotonic() + me.expires - self._clock.now().timestamp()
        until = min(self._clock.monotonic() + seconds, token_until)
        with self._listeners.listen(reader.recipient) as woken:
            newest = await self._repository.position(reader.recipient)
            # A client's position above ours is from before a restored backup: waiting for it would send nothing.
            sent = newest if after is None else min(after, newest)
            while self._clock.monotonic() < until and not ending.is_set():
                woken.clear()
                found = await self._repository.above(reader.recipient, position=sent, limit=_AT_ONCE)
                entries = await self._entries(reader, found)
                if not await self._is_reader_still(me, reader):
                    yield Ended(reason="member_inactive")
                    return
                for entry in entries:
                    yield entry
                    sent = entry.notification.position
                    if woken.is_set():  # while a slow client took this entry, the reader may have become inactive
                        break
                if not found:
                    await _first_of(woken, ending, seconds=max(0.0, until - self._clock.monotonic()))
        if self._clock.monotonic() >= token_until:
            yield Ended(reason="token_expired")

    async def _is_reader_still(self, me: Principal, reader: Reader) -> bool:
        now = await self._readers.find(me)
        return now is not None and now.is_active and now.recipient == reader.recipient

    async def _entries(self, reader: Reader, notifications: Sequence[Notification]) -> list[Entry]:
        if not notifications:
            return []
        names = await self._names.names(reader.recipient, notifications)
        return [
            Entry(
                notification=notification,
                message=self._renderer.message(notification, locale=reader.locale, zone=reader.zone, names=names),
            )
            for notification in notifications
        ]


async def _first_of(*events: Signal, seconds: float) -> None:
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
