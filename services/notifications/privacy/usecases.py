"""What this service holds about a person, for that person; inactive members too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from services.notifications.deliveries.domain.deliveries import Delivery
from services.notifications.inbox.usecases.reading import Entry, Inbox
from services.notifications.kernel.domain import Recipient
from services.notifications.preferences.domain.choices import Preferences
from services.notifications.preferences.usecases import Stored
from services.notifications.projections.domain import Reader
from services.notifications.projections.usecases import Readers
from shared.auth import Principal

_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    reader: Reader
    contact: Mapping[str, str | None]
    entries: Sequence[Entry]
    """All of the inbox, the oldest first."""
    position: int
    preferences: Preferences
    deliveries: Sequence[Delivery]
    """All of them, the newest first."""
    suppression: Mapping[str, Any] | None


class ContactRepository(Protocol):
    async def contact(self, recipient: Recipient) -> Mapping[str, str | None]: ...


class PreferencesRepository(Protocol):
    async def preferences(self, recipient: Recipient) -> Stored[Preferences]: ...


class DeliveryRepository(Protocol):
    async def newest(self, recipient: Recipient, *, before: str | None, limit: int) -> Sequence[Delivery]: ...

    async def suppression(self, recipient: Recipient) -> Mapping[str, Any] | None: ...


class Export:
    def __init__(
        self,
        readers: Readers,
        contacts: ContactRepository,
        inbox: Inbox,
        preferences: PreferencesRepository,
        deliveries: DeliveryRepository,
    ) -> None:
        self._readers = readers
        self._contacts = contacts
        self._inbox = inbox
        self._preferences = preferences
        self._deliveries = deliveries

    async def mine(self, me: Principal) -> Exported:
        reader = await self._readers.any(me)
        recipient = reader.recipient
        entries, position = await self._inbox.all(reader)
        return Exported(
            reader=reader,
            contact=await self._contacts.contact(recipient),
            entries=entries,
            position=position,
            preferences=(await self._preferences.preferences(recipient)).state,
            deliveries=await self._all_deliveries(recipient),
            suppression=await self._deliveries.suppression(recipient),
        )

    async def _all_deliveries(self, recipient: Recipient) -> Sequence[Delivery]:
        found: list[Delivery] = []
        while True:
            page = await self._deliveries.newest(recipient, before=found[-1].id if found else None, limit=_AT_ONCE)
            found += page
            if len(page) < _AT_ONCE:
                return found
