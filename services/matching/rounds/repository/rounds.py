"""Documents ↔ rounds and their places; every query of a coordinator names the institution that owns the round."""

import json
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path

from services.matching.kernel.participants import Exchange, Person, Policy
from services.matching.mentoring.repository import ceilings
from services.matching.mentoring.repository.pairs import OPEN, RELATIONSHIPS, newest
from services.matching.mentoring.usecases.parties import Position
from services.matching.projections import people as sign_ins
from services.matching.projections.lookup import repository as naming
from services.matching.projections.lookup.domain import Found, Identifier
from services.matching.rounds.domain.assignments import UNSETTLED, Place, PlaceState
from services.matching.rounds.domain.lifecycle import File, Frozen, Round, Solved, Trouble
from services.matching.rounds.repository.assignments import PLACE_INDEXES, PLACES, laid_out, of_edition, place_of
from services.matching.rounds.repository.files import RoundFiles
from services.matching.rounds.repository.overlaps import open_in, prepare_turns, rounds_since
from services.matching.rounds.solver.files import Compared
from services.matching.rounds.solver.floors import Floor
from services.matching.rounds.usecases.rounds import Publish
from services.matching.suggestions import people
from shared import failpoints
from shared.clock import Clock
from shared.errors import FieldError, StaleVersion
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
    ReturnDocument,
    Writing,
    duplicates_in,
    ensure_indexes,
    in_one_thread,
)
from shared.scope import Scope

ROUNDS = "rounds"
_AT_ONCE = 1000
_MINE = 50
_PUBLISHING_SECONDS = 30


class MongoRoundRepository:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._rounds = database[ROUNDS]
        self._places = database[PLACES]
        self._files = RoundFiles(database, clock)

    async def prepare(self) -> None:
        by_state = IndexModel([("state", ASCENDING)], name="by_state")
        paged = [("institution", ASCENDING), ("programme", ASCENDING), ("at", DESCENDING), ("_id", DESCENDING)]
        untidy = IndexModel([("tidied", ASCENDING), ("state", ASCENDING)], name="untidy")
        published = IndexModel([("published_at", DESCENDING)], name="by_publication")
        await ensure_indexes(self._rounds, [by_state, untidy, published, IndexModel(paged, name="by_programme")])
        await ensure_indexes(self._database[PLACES], PLACE_INDEXES)
        await prepare_turns(self._database)
        await self._files.prepare()

    async def signed_in(self, institution: str, subject_hash: str) -> str | None:
        return await sign_ins.signed_in(self._database, institution, subject_hash)

    async def members_named(self, scope: Scope, identifiers: Collection[Identifier]) -> Found:
        within = naming.enrolled_within(scope)
        return await naming.members_named(self._database, scope.institution, identifiers, within=within)

    async def policy(self, programme: str, exchanges: Iterable[Exchange] = ()) -> Policy | None:
        return await ceilings.policy(self._database, programme, exchanges=exchanges)

    async def people(self, ids: Collection[str], *, mentees: Collection[str]) -> Mapping[str, Person]:
        found: dict[str, Person] = {}
        left = iter(sorted(ids))
        while some := list(islice(left, _AT_ONCE)):
            kept = [id for id in some if id in mentees]
            found |= await people.persons(self._database, {"_id": {"$in": some}}, mentees=kept)
        return found

    async def engaged(self, programme: str, mentees: Collection[str]) -> Collection[str]:
        wanted = {"mentee.member": {"$in": list(mentees)}, "programme": programme, **OPEN}
        found = self._database[RELATIONSHIPS].find(wanted, {"mentee.member": 1})
        return {relationship["mentee"]["member"] async for relationship in found}

    async def begin(self, round: Round, orders: bytes) -> Round:
        known = await self._rounds.find_one({"_id": round.id, "institution": round.institution})
        if known is not None:
            return round_of(known)
        document = document_of(round)

        def body(writing: Writing) -> Document:
            if open := open_in(writing, round):
                writing.changes_nothing = True
                return open
            file = self._files.keep_with(writing, orders, round=round.id, institution=round.institution)
            document["orders"] = asdict(file)
            writing[ROUNDS].insert_one(document, session=writing.session)
            return document

        try:
            return round_of(await in_one_thread(self._database, body))
        except DuplicateKeyError:  # a repetition that ran at the same time
            return round_of(await self._rounds.find_one({"_id": round.id}) or document)

    async def round(self, institution: str, id: str) -> Round | None:
        document = await self._rounds.find_one({"_id": id, "institution": institution})
        return round_of(document) if document else None

    async def rounds(self, institution: str, programme: str, *, before: Position | None, limit: int) -> Sequence[Round]:
        wanted = {"institution": institution, "programme": programme}
        page = await newest(self._rounds, wanted, before=before, limit=limit)
        return [round_of(document) for document in page]

    async def save(self, round: Round) -> None:
        failpoints.reach("before-save")
        await in_one_thread(self._database, lambda writing: _save(writing, round))

    async def publish(self, round: Round, publish: Publish) -> Round:
        def body(writing: Writing) -> Round:
            after = publish(rounds_since(writing, round))
            _save(writing, after)
            return after

        return await in_one_thread(self._database, body, seconds=_PUBLISHING_SECONDS)

    async def has_saved(self, request: str) -> bool:
        return await once.took_effect(self._database, request)

    def content(self, file: File) -> AsyncIterator[bytes]:
        return self._files.content(file)

    async def counts(self, round: Round) -> Mapping[PlaceState, int]:
        return await counted(self._database, round)

    async def places(self, round: Round, state: PlaceState | None, *, after: str, limit: int) -> Sequence[Place]:
        wanted = {**_of(round), "_id": {"$gt": after}, **({"state": state} if state else {})}
        found = self._places.find(wanted).sort("_id", ASCENDING).limit(limit)
        return [place_of(document) async for document in found]

    async def waiting(self, round: Round, *, after: str, limit: int) -> Sequence[Place]:
        wanted = {**_of(round), "waits": True, "order": {"$gt": after}}
        found = self._places.find(wanted).sort("order", ASCENDING).limit(limit)
        return [place_of(document) async for document in found]

    async def waiting_before(self, place: Place) -> int:
        wanted = {**of_edition(place.id.rpartition(".")[0]), "waits": True, "order": {"$lt": place.order}}
        return await self._places.count_documents(wanted)

    async def places_of(self, institution: str, member: str) -> Sequence[Place]:
        wanted = {
            "mentee.member": member,
            "mentee.institution": institution,
            "state": {"$nin": list(UNSETTLED)},
        }
        found = self._places.find(wanted).sort("at", DESCENDING).limit(_MINE)
        return [place_of(document) async for document in found]

    async def next_to_solve(self) -> Round | None:
        document = await self._rounds.find_one_and_update(
            {"state": {"$in": ["draft", "running"]}},
            {"$inc": {"attempts": 1}},
            sort=[("attempts", ASCENDING), ("at", ASCENDING)],
            return_document=ReturnDocument.AFTER,
        )
        return round_of(document) if document else None

    async def keep(self, round: Round, path: Path) -> File:
        with path.open("rb") as file:
            return await self._files.keep(file, round=round.id, institution=round.institution)

    async def fetch(self, file: File, path: Path) -> None:
        await self._files.fetch(file, path)

    async def lay_out(self, round: Round, result: File, path: Path) -> None:
        """Stores the places of a result. Those that a killed worker stored before are the same and stay."""
        head = {
            "edition": result.key,
            "round": round.id,
            "institution": round.institution,
            "programme": round.programme,
            "at": round.frozen.at if round.frozen else round.opened_at,
        }
        with path.open("rb") as lines:
            while some := [json.loads(line) for line in islice(lines, _AT_ONCE)]:
                await self._insert([laid_out(line, head) for line in some])

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
        """Deletes files and places that this version does not name. They are listed before the version is checked: what
        existed at this version and is not named by it is not named by a later version either. So a process that is
        paused in between deletes nothing that was stored since.
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


def _save(writing: Writing, round: Round) -> None:
    known = {"_id": round.id, "version": round.version - 1}
    done = writing[ROUNDS].replace_one(known, document_of(round), session=writing.session)
    if not done.matched_count:
        raise StaleVersion(found=0, expected=round.version - 1)


async def counted(database: Database, round: Round) -> Mapping[PlaceState, int]:
    stages: list[Document] = [{"$match": _of(round)}, {"$group": {"_id": "$state", "places": {"$sum": 1}}}]
    return {group["_id"]: group["places"] async for group in database[PLACES].aggregate(stages)}


def _of(round: Round) -> Document:
    return of_edition(edition_of(round))


def edition_of(round: Round) -> str | None:
    return round.solved.result.key if round.solved else None


def round_of(document: Document) -> Round:
    frozen, solved, trouble = document["frozen"], document["solved"], document["trouble"]
    return Round(
        id=document["_id"],
        institution=document["institution"],
        programme=document["programme"],
        target=document["target"],
        list_length=document["list_length"],
        score_band=document["score_band"],
        compare=document["compare"],
        orders=File(**document["orders"]),
        opened_at=document["at"],
        correlation=document["correlation"],
        state=document["state"],
        version=document["version"],
        attempts=document["attempts"],
        frozen=_frozen(frozen) if frozen else None,
        solved=_solved(solved) if solved else None,
        published_at=document["published_at"],
        trouble=_trouble(trouble) if trouble else None,
    )


def document_of(round: Round) -> Document:
    solved = round.solved
    return {
        "_id": round.id,
        "institution": round.institution,
        "parties": [],
        "programme": round.programme,
        "target": round.target,
        "list_length": round.list_length,
        "score_band": round.score_band,
        "compare": round.compare,
        "orders": asdict(round.orders),
        "at": round.opened_at,
        "correlation": round.correlation,
        "state": round.state,
        "version": round.version,
        "attempts": round.attempts,
        "frozen": asdict(round.frozen) if round.frozen else None,
        "solved": _solved_document(solved) if solved else None,
        "published_at": round.published_at,
        "trouble": asdict(round.trouble) if round.trouble else None,
    }


def _frozen(document: Document) -> Frozen:
    files = {name: File(**document[name]) for name in ("input", "people")}
    floors = tuple(Floor(**floor) for floor in document.get("floors", ()))  # absent in rounds of earlier versions
    return Frozen(**{**document, **files, "floors": floors})


def _solved_document(solved: Solved) -> Document:
    return {
        "input": asdict(solved.input),
        "result": asdict(solved.result),
        "solver": solved.solver,
        "figures": solved.figures.model_dump(mode="json"),
    }


def _solved(document: Document) -> Solved:
    return Solved(
        input=File(**document["input"]),
        result=File(**document["result"]),
        solver=document["solver"],
        figures=Compared.model_validate(document["figures"]),
    )


def _trouble(document: Document) -> Trouble:
    errors = tuple(FieldError(**error) for error in document["errors"])
    return Trouble(code=document["code"], message=document["message"], errors=errors)
