"""Documents ↔ an institution's own guides, and what people have ticked."""

from collections.abc import Callable, Mapping, Sequence

from services.mentorships.guides.domain import Guide, Locale, Ticks
from services.mentorships.projections.repository import MongoProjections, hold_people
from shared.errors import StaleVersion
from shared.mongo import (
    ASCENDING,
    Database,
    Document,
    DuplicateKeyError,
    IndexModel,
    Transaction,
    ensure_indexes,
    in_transaction,
)

GUIDES, TICKS = "guides", "guide_ticks"


class MongoGuides:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._projections = MongoProjections(database)

    async def prepare(self) -> None:
        by_locale = IndexModel([("institution", ASCENDING), ("locale", ASCENDING)], name="by_locale")
        await ensure_indexes(self._database[GUIDES], [by_locale])
        of_member = IndexModel([("member", ASCENDING), ("institution", ASCENDING)], name="of_member")
        await ensure_indexes(self._database[TICKS], [of_member])

    async def signed_in(self, institution: str, subject_hash: str) -> str | None:
        return await self._projections.signed_in(institution, subject_hash)

    async def locale(self, member: str) -> str:
        people = await self._projections.people([member])
        return people[member].locale if member in people else "en"

    async def own_guides(self, institution: str, locale: Locale) -> Mapping[str, Guide]:
        found = self._database[GUIDES].find({"institution": institution, "locale": locale})
        return {document["guide"]: _guide(document) async for document in found}

    async def replace_guide(self, institution: str, guide: Guide) -> None:
        key = {"_id": f"{institution}:{guide.locale}:{guide.id}", "institution": institution}
        fields = {name: getattr(guide, name) for name in ("locale", "moment", "title", "intro", "version")}
        lists = {"steps": list(guide.steps), "sources": list(guide.sources)}
        document = {**key, "guide": guide.id, **fields, **lists}

        def body(transaction: Transaction) -> None:
            if guide.version == 1:
                transaction[GUIDES].insert_one(document, session=transaction.session)
                return
            before = {**key, "version": guide.version - 1}
            if not transaction[GUIDES].replace_one(before, document, session=transaction.session).matched_count:
                raise StaleVersion(found=guide.version, expected=guide.version - 1)

        try:
            await in_transaction(self._database, body)
        except DuplicateKeyError:
            raise StaleVersion(found=1, expected=0) from None

    async def ticks(self, institution: str, member: str) -> Mapping[str, Ticks]:
        found = self._database[TICKS].find({"institution": institution, "member": member})
        return {document["guide"]: _ticks(document) async for document in found}

    async def change_ticks(self, institution: str, member: str, guide: str, change: Callable[[Ticks], Ticks]) -> Ticks:
        key = {"_id": f"{institution}:{member}:{guide}", "institution": institution, "member": member, "guide": guide}

        def body(transaction: Transaction) -> Ticks:
            hold_people(transaction, [member])
            found = transaction[TICKS].find_one(key, session=transaction.session)
            after = change(_ticks(found) if found else Ticks(member=member, guide=guide))
            ticked = {"$set": {"steps": sorted(after.steps)}}
            transaction[TICKS].update_one(key, ticked, upsert=True, session=transaction.session)
            return after

        return await in_transaction(self._database, body)


async def export(database: Database, institution: str, member: str) -> Sequence[Document]:
    """The steps that a member has ticked."""
    hidden = {"_id": 0, "institution": 0, "member": 0}
    return [document async for document in database[TICKS].find({"institution": institution, "member": member}, hidden)]


def forget(transaction: Transaction, member: str) -> None:
    transaction[TICKS].delete_many({"member": member}, session=transaction.session)


def _guide(document: Document) -> Guide:
    fields = {name: document[name] for name in ("locale", "moment", "title", "intro", "version")}
    return Guide(id=document["guide"], steps=tuple(document["steps"]), sources=tuple(document["sources"]), **fields)


def _ticks(document: Document) -> Ticks:
    return Ticks(member=document["member"], guide=document["guide"], steps=frozenset(document["steps"]))
