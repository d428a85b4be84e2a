"""Rounds with their files and places; a coordinator's query names their institution."""

import json
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from services.matching.kernel.participants import Exchange, Person, Policy
from services.matching.mentoring.repository import ceilings
from services.matching.projections import people as sign_ins
from services.matching.projections.lookup import repository as naming
from services.matching.projections.lookup.domain import Identifier, MembersByIdentifier
from services.matching.rounds.domain.assignments import UNSETTLED, Place, PlaceState
from services.matching.rounds.domain.lifecycle import File, Round
from services.matching.rounds.repository.assignments import PLACE_INDEXES, PLACES, of_edition, place_document, place_of
from services.matching.rounds.repository.cohorts import mentors_of
from services.matching.rounds.repository.documents import ROUNDS, edition_of, round_jobs, round_of
from services.matching.rounds.repository.files import RoundFiles
from services.matching.rounds.repository.overlaps import open_in, prepare_turns, rounds_since
from services.matching.rounds.usecases.rounds import Publish
from services.matching.suggestions import people
from shared.clock import Clock
from shared.http import effects as once
from shared.mongo import (
    ASCENDING,
    DESCENDING,
    BulkWriteError,
    Database,
    Document,
    DuplicateKeyError,
    IndexModel,
    InsertOne,
    Transaction,
    duplicates_in,
    ensure_indexes,
    in_transaction,
)
from shared.scope import Scope

_INDEXES = [
    IndexModel([("tidied", ASCENDING), ("state", ASCENDING)], name="untidy"),
    IndexModel([("published_at", DESCENDING)], name="by_publication"),
]
_AT_ONCE = 1000
_PLACES_LIMIT = 50
_PUBLISHING_SECONDS = 30


class MongoRoundRepository:
    def __init__(self, database: Database, clock: Clock) -> None:
        self.jobs = round_jobs(database)
        self._database = database
        self._rounds = database[ROUNDS]
        self._places = database[PLACES]
        self._files = RoundFiles(database, clock)

    async def prepare(self) -> None:
        await self.jobs.prepare(*_INDEXES)
        await ensure_indexes(self._database[PLACES], PLACE_INDEXES)
        await prepare_turns(self._database)
        await self._files.prepare()

    async def signed_in(self, institution: str, subject_hash: str) -> str | None:
        return await sign_ins.signed_in(self._database, institution, subject_hash)

    async def members_named(self, scope: Scope, identifiers: Collection[Identifier]) -> MembersByIdentifier:
        within = naming.enrolled_within(scope)
        return await naming.members_named(self._database, scope.institution, identifiers, within=within)

    async def policy_below_ceilings(self, programme: str, exchanges: Iterable[Exchange]) -> Policy | None:
        return await ceilings.policy(self._database, programme, exchanges=exchanges)

    async def people(self, ids: Collection[str], *, mentees: Collection[str]) -> Mapping[str, Person]:
        found: dict[str, Person] = {}
        left = iter(sorted(ids))
        while some := list(islice(left, _AT_ONCE)):
            kept = [id for id in some if id in mentees]
            found |= await people.persons(self._database, {"_id": {"$in": some}}, mentees=kept)
        return found

    async def mentors_of(self, programme: str, mentees: Collection[str]) -> Mapping[str, int]:
        wanted = {"mentee.member": {"$in": list(mentees)}, "programme": programme}
        return await mentors_of(self._database, wanted)

    async def begin(self, round: Round, orders: bytes) -> Round:
        known = await self.jobs.find(round.institution, round.id)
        if known is not None:
            return known

        def body(transaction: Transaction) -> Round:
            if open := open_in(transaction, round):
                transaction.changes_nothing = True
                return round_of(open)
            file = self._files.keep_with(transaction, orders, round=round.id, institution=round.institution)
            begun = replace(round, orders=file)
            self.jobs.insert(transaction, begun)
            return begun

        try:
            return await in_transaction(self._database, body)
        except DuplicateKeyError:  # a concurrent retry of the same request
            if (known := await self.jobs.find(round.institution, round.id)) is None:
                raise
            return known

    async def publish(self, round: Round, publish: Publish) -> Round:
        def body(transaction: Transaction) -> Round:
            after = publish(rounds_since(transaction, round))
            self.jobs.replace(transaction, after)
            return after

        return await in_transaction(self._database, body, seconds=_PUBLISHING_SECONDS)

    async def has_saved(self, request: str) -> bool:
        return await once.took_effect(self._database, request)

    def content(self, file: File) -> AsyncIterator[bytes]:
        return self._files.content(file)

    async def counts(self, round: Round) -> Mapping[PlaceState, int]:
        return await counted(self._database, round)

    async def places(self, round: Round, state: PlaceState | None, *, after: str, limit: int) -> Sequence[Place]:
        wanted = {**_of(round), "_id": {"$gt": after}, **({"state": state} if state else {})}
        return [place_of(document) async for document in self._places.find(wanted).sort("_id", ASCENDING).limit(limit)]

    async def waiting(self, round: Round, *, after: str, limit: int) -> Sequence[Place]:
        wanted = {**_of(round), "waits": True, "order": {"$gt": after}}
        return [
            place_of(document) async for document in self._places.find(wanted).sort("order", ASCENDING).limit(limit)
        ]

    async def waiting_before(self, place: Place) -> int:
        wanted = {**of_edition(place.id.rpartition(".")[0]), "waits": True, "order": {"$lt": place.order}}
        return await self._places.count_documents(wanted)

    async def places_of(self, institution: str, member: str) -> Sequence[Place]:
        wanted = {
            "mentee.member": member,
            "mentee.institution": institution,
            "state": {"$nin": list(UNSETTLED)},
        }
        return [
            place_of(document)
            async for document in self._places.find(wanted).sort("at", DESCENDING).limit(_PLACES_LIMIT)
        ]

    async def keep(self, round: Round, path: Path) -> File:
        with path.open("rb") as file:
            return await self._files.keep(file, round=round.id, institution=round.institution)

    async def fetch(self, file: File, path: Path) -> None:
        await self._files.fetch(file, path)

    async def add_places(self, round: Round, result: File, path: Path) -> None:
        """Stores the round's places, a line of JSON each at `path`. Those that an earlier worker inserted are the same,
        and are kept.
        """
        head = {
            "edition": result.key,
            "round": round.id,
            "institution": round.institution,
            "programme": round.programme,
            "at": round.frozen.at if round.frozen else round.began_at,
        }
        with path.open("rb") as lines:
            while some := [json.loads(line) for line in islice(lines, _AT_ONCE)]:
                await self._insert([place_document(line, head) for line in some])

    async def _insert(self, documents: Sequence[Document]) -> None:
        try:
            await self._places.bulk_write([InsertOne(document) for document in documents], ordered=False)
        except BulkWriteError as failed:
            if not duplicates_in(failed):
                raise

    async def tidy(self) -> None:
        at_rest = {"tidied": None, "state": {"$in": ["pending", "publishing", "published", "dropped"]}}
        async for document in self._rounds.find(at_rest):
            await self._tidy(round_of(document))

    async def tidy_again(self, round: Round) -> None:
        await self._rounds.update_one({"_id": round.id}, {"$unset": {"tidied": ""}})

    async def _tidy(self, round: Round) -> None:
        """Deletes nothing that was stored since: files and editions are listed before the version is checked, and no
        later version names what existed at this version and is not named by it.
        """
        is_gone = round.state == "dropped"
        files = await self._files.beside(round.id, () if is_gone else round.files)
        editions = set(await self._places.distinct("edition", {"round": round.id}))
        editions -= set() if is_gone else {edition_of(round)}
        known = {"_id": round.id, "version": round.version}
        if await self._rounds.find_one(known, {"_id": 1}) is None:
            return
        await self._files.discard(files)
        await self._places.delete_many({"edition": {"$in": list(editions)}})
        await self._rounds.update_one(known, {"$set": {"tidied": True}})


async def counted(database: Database, round: Round) -> Mapping[PlaceState, int]:
    stages: list[Document] = [{"$match": _of(round)}, {"$group": {"_id": "$state", "places": {"$sum": 1}}}]
    return {group["_id"]: group["places"] async for group in database[PLACES].aggregate(stages)}


def _of(round: Round) -> Document:
    return of_edition(edition_of(round))
