"""The repository of lists. A list is written on condition of its version and fence, in one transaction with its
event.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import islice

from services.matching.suggestions.domain import Enrolment, Entry, OwnSequences, Shortlist
from services.matching.suggestions.queue import Origin
from services.matching.suggestions.updater import ListSnapshot, Written
from shared import failpoints
from shared.contracts.profiles import FACTORS
from shared.errors import StaleVersion
from shared.mongo import (
    ASCENDING,
    BulkWriteError,
    Database,
    Document,
    IndexModel,
    InsertOne,
    ReplaceOne,
    Transaction,
    UpdateOne,
    duplicates_in,
    ensure_indexes,
    in_transaction,
)
from shared.outbox import table as outbox

_BATCH = 1000
_MATCHED = ["planned", "opened"]


class MongoListRepository:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._lists = database["lists"]
        self._shards = database["shards"]

    async def prepare(self) -> None:
        by_shard = IndexModel([("shard", ASCENDING)], name="by_shard")
        by_programme = IndexModel(
            [("institution", ASCENDING), ("programme", ASCENDING), ("mentee", ASCENDING)], name="by_programme"
        )
        await ensure_indexes(self._lists, [by_shard, by_programme])
        await ensure_indexes(self._shards, [])

    async def take_over(self, fences: Mapping[int, int]) -> Sequence[ListSnapshot]:
        for shard, fence in fences.items():
            older = {"$lt": fence}
            await self._shards.update_one({"_id": shard}, {"$max": {"fence": fence}}, upsert=True)
            await self._lists.update_many({"shard": shard, "fence": older}, {"$set": {"fence": fence}})
        found: list[ListSnapshot] = []
        cursor = self._lists.find({"shard": {"$in": list(fences)}}, batch_size=_BATCH)
        while documents := await cursor.to_list(_BATCH):
            found += [list_snapshot(document) for document in documents]
        return found

    async def own_origins(self, *, profiles: Collection[str], preferences: Collection[str]) -> Mapping[str, Origin]:
        found: dict[str, Origin] = {}
        for name, mentees in (("participants", profiles), ("preferences", preferences)):
            left = iter(mentees)
            while ids := list(islice(left, _BATCH)):
                cursor = self._database[name].find({"_id": {"$in": ids}}, {"event": 1, "correlation": 1})
                found |= {
                    document["_id"]: Origin(document["event"], document["correlation"]) async for document in cursor
                }
        return found

    async def being_matched(self, enrolments: Sequence[Enrolment], *, since: datetime) -> Collection[str]:
        is_published = {"$or": [{"state": "publishing"}, {"published_at": {"$gt": since}}]}
        editions = await self._database["rounds"].distinct("solved.result.key", is_published)
        if not editions:
            return ()
        mentees = [enrolment.mentee for enrolment in enrolments]
        wanted = {"mentee.member": {"$in": mentees}, "edition": {"$in": editions}, "state": {"$in": _MATCHED}}
        places = self._database["places"].find(wanted, {"programme": 1, "mentee": 1})
        return {f"{place['programme']}.{place['mentee']['member']}" async for place in places}

    async def stored(self, enrolment: Enrolment, *, fence: int) -> ListSnapshot | None:
        document = await self._lists.find_one({"_id": enrolment.id, "fence": fence})
        return list_snapshot(document) if document else None

    async def write(self, written: Sequence[Written]) -> None:
        def body(transaction: Transaction) -> None:
            _write(written, transaction)
            outbox.write(transaction, [fact for list_ in written if (fact := _fact(list_))])

        failpoints.reach("before-save")
        await in_transaction(self._database, body)


def _write(written: Sequence[Written], transaction: Transaction) -> None:
    _guard([list_ for list_ in written if list_.replaces == 0], transaction)
    lists = [_conditional(list_) for list_ in written]
    try:
        done = transaction["lists"].bulk_write(lists, ordered=False, session=transaction.session)
    except BulkWriteError as failed:
        if not duplicates_in(failed):
            raise
        raise StaleVersion(found=1, expected=0) from None
    if done.matched_count + done.inserted_count != len(written):
        raise StaleVersion(found=done.matched_count + done.inserted_count, expected=len(written))


def _guard(new: Sequence[Written], transaction: Transaction) -> None:
    """A new list has no stored fence to check: the fence of its shard's document is checked, and that document is
    written to, so that concurrent holders conflict.
    """
    fences = {list_.shard: list_.fence for list_ in new}
    if not fences:
        return
    raised: list[UpdateOne] = [
        UpdateOne({"_id": shard, "fence": fence}, {"$inc": {"writes": 1}}) for shard, fence in fences.items()
    ]
    done = transaction["shards"].bulk_write(raised, ordered=False, session=transaction.session)
    if done.matched_count != len(fences):
        raise StaleVersion(found=done.matched_count, expected=len(fences))


def _conditional(list_: Written) -> InsertOne[Document] | ReplaceOne[Document]:
    document = _document(list_)
    if list_.replaces == 0:
        return InsertOne(document)
    return ReplaceOne({"_id": list_.enrolment.id, "version": list_.replaces, "fence": list_.fence}, document)


def _document(list_: Written) -> Document:
    return {
        "_id": list_.enrolment.id,
        "institution": list_.enrolment.institution,
        "parties": [list_.enrolment.mentee],
        "programme": list_.enrolment.programme,
        "mentee": list_.enrolment.mentee,
        "version": list_.version,
        "shard": list_.shard,
        "fence": list_.fence,
        "entries": [
            {
                "mentor": entry.mentor,
                "institution": entry.institution,
                "rank": rank,
                "score": entry.score,
                "contributions": dict(zip(FACTORS, entry.contributions, strict=True)),
            }
            for rank, entry in enumerate(list_.shortlist.entries, 1)
        ],
        "unmatched": list_.shortlist.unmatched,
        "own": list_.own._asdict() if list_.own else None,
        "as_of": list_.as_of,
    }


def list_snapshot(document: Document) -> ListSnapshot:
    enrolment = Enrolment(
        programme=document["programme"], mentee=document["mentee"], institution=document["institution"]
    )
    entries = tuple(
        Entry(
            entry["mentor"],
            entry["institution"],
            entry["score"],
            tuple(entry["contributions"].get(factor, 0) for factor in FACTORS),
        )
        for entry in document["entries"]
    )
    own = document.get("own")
    return ListSnapshot(
        enrolment,
        Shortlist(entries, document["unmatched"]),
        document["version"],
        OwnSequences(**own) if own else None,
    )


def _fact(list_: Written) -> outbox.OutboxEvent | None:
    if list_.event is None:
        return None
    return outbox.OutboxEvent(
        id=list_.event_id,
        payload=list_.event,
        institution=list_.enrolment.institution,
        sequence=list_.version,
        time=list_.as_of,
        trace=list_.trace,
        bulk=list_.bulk,
    )
