"""The lists: written on condition that version and fence stand as known, each in one transaction with its event."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import islice

from services.matching.suggestions.domain import Enrolment, Entry, OwnSequences, Shortlist
from services.matching.suggestions.queue import Origin
from services.matching.suggestions.updater import Found, Written
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
    UpdateOne,
    Writing,
    duplicates_in,
    ensure_indexes,
    in_one_thread,
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
        unmatched = IndexModel(
            [("institution", ASCENDING), ("programme", ASCENDING), ("mentee", ASCENDING)], name="by_programme"
        )
        await ensure_indexes(self._lists, [by_shard, unmatched])
        await ensure_indexes(self._shards, [])

    async def take_over(self, fences: Mapping[int, int]) -> Sequence[Found]:
        for shard, fence in fences.items():
            older = {"$lt": fence}
            await self._shards.update_one({"_id": shard}, {"$max": {"fence": fence}}, upsert=True)
            await self._lists.update_many({"shard": shard, "fence": older}, {"$set": {"fence": fence}})
        found: list[Found] = []
        cursor = self._lists.find({"shard": {"$in": list(fences)}}, batch_size=_BATCH)
        while documents := await cursor.to_list(_BATCH):
            found += [found_of(document) for document in documents]
        return found

    async def own_origins(self, *, profiles: Collection[str], preferences: Collection[str]) -> Mapping[str, Origin]:
        found: dict[str, Origin] = {}
        for name, mentees in (("participants", profiles), ("preferences", preferences)):
            left = iter(mentees)
            while ids := list(islice(left, _BATCH)):
                cursor = self._database[name].find({"_id": {"$in": ids}}, {"event": 1, "correlation": 1})
                found |= {one["_id"]: Origin(one["event"], one["correlation"]) async for one in cursor}
        return found

    async def being_matched(self, enrolments: Sequence[Enrolment], *, since: datetime) -> Collection[str]:
        is_published = {"$or": [{"state": "publishing"}, {"published_at": {"$gt": since}}]}
        editions = await self._database["rounds"].distinct("solved.result.key", is_published)
        if not editions:
            return ()
        mentees = [one.mentee for one in enrolments]
        wanted = {"mentee.member": {"$in": mentees}, "edition": {"$in": editions}, "state": {"$in": _MATCHED}}
        places = self._database["places"].find(wanted, {"programme": 1, "mentee": 1})
        return {f"{one['programme']}.{one['mentee']['member']}" async for one in places}

    async def stored(self, enrolment: Enrolment, *, fence: int) -> Found | None:
        document = await self._lists.find_one({"_id": enrolment.id, "fence": fence})
        return found_of(document) if document else None

    async def write(self, written: Sequence[Written]) -> None:
        def body(writing: Writing) -> None:
            _write(written, writing)
            outbox.write(writing, [fact for one in written if (fact := _fact(one))])

        failpoints.reach("before-save")
        await in_one_thread(self._database, body)


def _write(written: Sequence[Written], writing: Writing) -> None:
    _guard([one for one in written if one.replaces == 0], writing)
    lists = [_conditional(one) for one in written]
    try:
        done = writing["lists"].bulk_write(lists, ordered=False, session=writing.session)
    except BulkWriteError as failed:
        if not duplicates_in(failed):
            raise
        raise StaleVersion(found=1, expected=0) from None
    if done.matched_count + done.inserted_count != len(written):
        raise StaleVersion(found=done.matched_count + done.inserted_count, expected=len(written))


def _guard(new: Sequence[Written], writing: Writing) -> None:
    """A list not yet stored has no fence of its own to check: its shard's is taken, and written to, instead."""
    fences = {one.shard: one.fence for one in new}
    if not fences:
        return
    raised: list[UpdateOne] = [
        UpdateOne({"_id": shard, "fence": fence}, {"$inc": {"writes": 1}}) for shard, fence in fences.items()
    ]
    done = writing["shards"].bulk_write(raised, ordered=False, session=writing.session)
    if done.matched_count != len(fences):
        raise StaleVersion(found=done.matched_count, expected=len(fences))


def _conditional(one: Written) -> InsertOne[Document] | ReplaceOne[Document]:
    document = _document(one)
    if one.replaces == 0:
        return InsertOne(document)
    return ReplaceOne({"_id": one.enrolment.id, "version": one.replaces, "fence": one.fence}, document)


def _document(one: Written) -> Document:
    return {
        "_id": one.enrolment.id,
        "institution": one.enrolment.institution,
        "parties": [one.enrolment.mentee],
        "programme": one.enrolment.programme,
        "mentee": one.enrolment.mentee,
        "version": one.version,
        "shard": one.shard,
        "fence": one.fence,
        "entries": [
            {
                "mentor": entry.mentor,
                "institution": entry.institution,
                "rank": rank,
                "score": entry.score,
                "contributions": dict(zip(FACTORS, entry.contributions, strict=True)),
            }
            for rank, entry in enumerate(one.shortlist.entries, 1)
        ],
        "unmatched": one.shortlist.unmatched,
        "own": one.own._asdict() if one.own else None,
        "as_of": one.as_of,
    }


def found_of(document: Document) -> Found:
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
    return Found(
        enrolment,
        Shortlist(entries, document["unmatched"]),
        document["version"],
        OwnSequences(**own) if own else None,
    )


def _fact(one: Written) -> outbox.Fact | None:
    if one.event is None:
        return None
    return outbox.Fact(
        id=one.event_id,
        payload=one.event,
        institution=one.enrolment.institution,
        sequence=one.version,
        time=one.as_of,
        trace=one.trace,
        bulk=one.bulk,
    )
