"""The copies of contacts, institutions and programmes. Every query of a person names their institution.

Contacts are applied in `privacy`: their tombstones erase what other slices keep.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from services.notifications.kernel.domain import Names, Notification, Recipient
from services.notifications.projections.domain import Reader
from shared.consuming.projection import Copy, Refused, fold
from shared.contracts.envelope import Received
from shared.contracts.profiles import ContactChanged, InstitutionChanged, ProgrammeChanged
from shared.mongo import ASCENDING, Collection, Database, Document, IndexModel, Transaction, ensure_indexes
from shared.zones import zones

CONTACTS = "contacts"


class MongoContactRepository:
    def __init__(self, database: Database) -> None:
        self._contacts = database[CONTACTS]
        self._institutions = database["institutions"]
        self._programmes = database["programmes"]

    async def prepare(self) -> None:
        sign_in = IndexModel([("institution", ASCENDING), ("subject_hash", ASCENDING)], name="sign_in")
        address = IndexModel([("institution", ASCENDING), ("email", ASCENDING)], name="address")
        await ensure_indexes(self._contacts, [sign_in, address])
        await ensure_indexes(self._institutions, [])
        await ensure_indexes(self._programmes, [])

    async def fold_institutions(self, received: Sequence[Received]) -> list[Refused]:
        return await fold(self._institutions, received, _name_only)

    async def fold_programmes(self, received: Sequence[Received]) -> list[Refused]:
        return await fold(self._programmes, received, _name_only)

    async def reader(self, institution: str, *, subject_hash: str) -> Reader | None:
        contact = await self._contacts.find_one({"institution": institution, "subject_hash": subject_hash})
        if contact is None:
            return None
        recipient = Recipient(institution=institution, member=contact["_id"])
        is_active = contact.get("status", "active") == "active"  # contacts stored before the field existed have none
        return Reader(recipient=recipient, locale=contact["locale"], zone=zone_of(contact), is_active=is_active)

    async def contact(self, recipient: Recipient) -> Mapping[str, str | None]:
        mine = {"_id": recipient.member, "institution": recipient.institution, "erased": False}
        found = await self._contacts.find_one(mine) or {}
        return {name: found[name] for name in ContactChanged.model_fields if name in found}

    async def mailbox(self, institution: str, *, member: str | None, address: str | None) -> Document | None:
        """The contact of a member, or else the one with this address, within the institution."""
        wanted = {"_id": member} if member is not None else {"email": (address or "").strip().lower()}
        return await self._contacts.find_one({**wanted, "institution": institution, "erased": False})

    async def names(self, recipient: Recipient, notifications: Sequence[Notification]) -> Names:
        """Names of people whom the reader may see by name, and of all institutions and programmes mentioned."""
        named = {person for notification in notifications for person in notification.named}
        members: dict[str, str] = {}
        for institution in {person.institution for person in named}:
            ids = {person.member for person in named if person.institution == institution}
            members |= await _names(self._contacts, ids, institution=institution)
        others = {person.institution for notification in notifications for person in notification.mentioned}
        return Names(
            members=members,
            institutions=await _names(self._institutions, others - {recipient.institution}),
            programmes=await _names(
                self._programmes, {notification.change.programme for notification in notifications}
            ),
        )


def hold_contact(transaction: Transaction, recipient: Recipient) -> bool:
    """For a transaction that stores something about a member: whether they are known and not erased. It writes to their
    contact, as an erasure does, so that of the two transactions one repeats and sees the other.
    """
    mine = {"_id": recipient.member, "institution": recipient.institution, "erased": False}
    return (
        transaction[CONTACTS].update_one(mine, {"$inc": {"holds": 1}}, session=transaction.session).matched_count == 1
    )


def _name_only(payload: InstitutionChanged | ProgrammeChanged) -> Document:
    return {"name": payload.name}


async def _names(collection: Collection, ids: Iterable[str], **within: str) -> Mapping[str, str]:
    wanted: dict[str, Any] = {"_id": {"$in": sorted(ids)}, "erased": False} | within
    if not wanted["_id"]["$in"]:
        return {}
    return {document["_id"]: document["name"] async for document in collection.find(wanted, {"name": 1})}


def zone_of(contact: Mapping[str, Any] | None) -> ZoneInfo:
    """The contact's time zone; UTC where there is none, or none that this machine knows."""
    name = contact.get("time_zone", "UTC") if contact else "UTC"
    return ZoneInfo(name if name in zones() else "UTC")


COPIES = (
    Copy(collection="institutions", payload=InstitutionChanged, body=_name_only),
    Copy(collection="programmes", payload=ProgrammeChanged, body=_name_only),
)
