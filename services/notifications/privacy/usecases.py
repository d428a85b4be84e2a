"""What this service holds about a person, for that person; inactive members too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.notifications.inbox.usecases.reading import Entry, Inbox
from services.notifications.kernel.domain import Recipient
from services.notifications.projections.usecases import Readers
from shared.auth import Principal


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    contact: Mapping[str, str | None]
    entries: Sequence[Entry]
    """All of the inbox, the oldest first."""
    position: int


class ContactRepository(Protocol):
    async def contact(self, recipient: Recipient) -> Mapping[str, str | None]: ...


class Export:
    def __init__(self, readers: Readers, contacts: ContactRepository, inbox: Inbox) -> None:
        self._readers = readers
        self._contacts = contacts
        self._inbox = inbox

    async def mine(self, me: Principal) -> Exported:
        reader = await self._readers.any(me)
        entries, position = await self._inbox.all(reader)
        return Exported(contact=await self._contacts.contact(reader.recipient), entries=entries, position=position)
