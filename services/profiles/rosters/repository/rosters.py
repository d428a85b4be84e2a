"""Documents ↔ rosters, their chunks and the verdicts on their rows."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from services.profiles.members.domain.profile import Profile
from services.profiles.members.repository.members import MongoMemberRepository
from services.profiles.rosters.domain.reading import Row
from services.profiles.rosters.repository.address_chains import AddressChains
from services.profiles.rosters.repository.chunks import ChunkEffects
from services.profiles.rosters.usecases import Answers, Chunk, Plan, Roster, RowFilter, RowResult
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.contracts.profiles import Enrolment
from shared.errors import Conflict
from shared.mongo import (
    ASCENDING,
    DESCENDING,
    Database,
    Document,
    DuplicateKeyError,
    IndexModel,
    Transaction,
    ensure_indexes,
    in_transaction,
)
from shared.scope import Scope
from shared.spreadsheets.verdicts import Reason

NEWEST_FIRST = [("created_at", DESCENDING), ("_id", DESCENDING)]


class MongoRosterRepository:
    def __init__(self, database: Database, members: MongoMemberRepository, clock: Clock) -> None:
        self._database = database
        self._rosters = database["rosters"]
        self._chunks = database["roster_chunks"]
        self._rows = database["roster_rows"]
        self._chains = AddressChains(database)
        self._chunk_effects = ChunkEffects(database, members, clock)
        self._clock = clock

    async def prepare(self) -> None:
        by_institution = IndexModel([("institution", ASCENDING), *NEWEST_FIRST], name="page")
        by_state = IndexModel([("state", ASCENDING), ("created_at", ASCENDING)], name="by_state")
        await ensure_indexes(self._rosters, [by_institution, by_state])
        await ensure_indexes(self._chunks, [IndexModel([("roster", ASCENDING), ("_id", ASCENDING)], name="next")])
        await ensure_indexes(
            self._rows,
            [
                IndexModel([("roster", ASCENDING), ("line", ASCENDING)], name="page"),
                IndexModel([("roster", ASCENDING), ("verdict", ASCENDING), ("line", ASCENDING)], name="by_verdict"),
                IndexModel(
                    [("cells_until", ASCENDING)],
                    name="cells_over",
                    partialFilterExpression={"cells_until": {"$type": "date"}},
                ),
            ],
        )

    async def begin(self, roster: Roster) -> Roster:
        try:
            await self._rosters.insert_one(_to_document(roster))
        except DuplicateKeyError:  # a retry; its token may be limited to other programmes than the first one's
            found = await self._rosters.find_one({"_id": roster.id, "institution": roster.institution})
            if found is None:
                raise
            known = _from_document(found)
            if known.state == "receiving":
                await self._drop_chunks(known)
            return known
        return roster

    async def keep(self, roster: Roster, number: int, rows: Sequence[Row]) -> None:
        await self._chunks.insert_one(
            {
                "_id": f"{roster.id}:{number:08d}",
                "roster": roster.id,
                "institution": roster.institution,
                "rows": [_row_document(row) for row in rows],
            }
        )

    async def received(self, roster: Roster, rows: int, titles: Sequence[str]) -> Roster:
        def body(transaction: Transaction) -> None:
            waiting = {"$set": {"state": "waiting", "rows": rows, "titles": list(titles)}}
            receiving = {**_mine(roster), "state": "receiving"}
            if not transaction["rosters"].update_one(receiving, waiting, session=transaction.session).matched_count:
                raise Conflict("roster_cut_off", "this took too long to receive: nothing was imported; send it again")

        try:
            await in_transaction(self._database, body)
        except Conflict:
            await self._drop_chunks(roster)
            raise
        return await self.find(roster.scope, roster.id) or roster

    async def discard(self, roster: Roster) -> None:
        await self._drop_chunks(roster)
        await self._rosters.delete_one(_mine(roster))

    async def fail(self, roster: Roster) -> None:
        await self._drop_chunks(roster)
        await self._rosters.update_one(
            {**_mine(roster), "state": "receiving"}, {"$set": {"state": "failed", "finished_at": self._clock.now()}}
        )

    async def find(self, scope: Scope, id: str) -> Roster | None:
        found = await self._rosters.find_one({"_id": id, **_within(scope)})
        return None if found is None else _from_document(found)

    async def page(self, scope: Scope, before: tuple[datetime, str] | None, limit: int) -> Sequence[Roster]:
        query = _within(scope)
        if before is not None:
            at, id = before
            query["$or"] = [{"created_at": {"$lt": at}}, {"created_at": at, "_id": {"$lt": id}}]
        found = self._rosters.find(query).sort(NEWEST_FIRST).limit(limit)
        return [_from_document(document) async for document in found]

    async def verdicts(
        self, institution: str, id: str, wanted: RowFilter, after: int, limit: int
    ) -> Sequence[RowResult]:
        query: Document = {"roster": id, "institution": institution, "line": {"$gt": after}}
        if wanted.remarks:
            query |= {"verdict": {"$ne": "refused"}, "reasons.0": {"$exists": True}}
        if wanted.undone is not None:
            query["undone"] = wanted.undone
        if wanted.verdict is not None:
            query["$and"] = [{"verdict": wanted.verdict}]
        found = self._rows.find(query).sort("line", ASCENDING).limit(limit)
        return [_row_result(document) async for document in found]

    async def waiting(self) -> Sequence[Roster]:
        found = self._rosters.find({"state": "waiting"}).sort("created_at", ASCENDING)
        return [_from_document(document) async for document in found]

    async def undoing(self) -> Sequence[Roster]:
        found = self._rosters.find({"state": "undoing"}).sort("created_at", ASCENDING)
        return [_from_document(document) async for document in found]

    async def abandoned(self, before: datetime) -> Sequence[Roster]:
        found = self._rosters.find({"state": "receiving", "created_at": {"$lt": before}})
        return [_from_document(document) async for document in found]

    async def next_chunk(self, roster: Roster) -> Chunk | None:
        found = await self._chunks.find_one({"roster": roster.id}, sort=[("_id", ASCENDING)])
        if found is None:
            return None
        others = await self._chains.rows(found)
        return Chunk(
            found["_id"],
            [_row(document) for rows in (found["rows"], *others.values()) for document in rows],
            {id: [row["line"] for row in rows] for id, rows in others.items()},
        )

    async def forget_cells(self, now: datetime) -> None:
        old = {"cells_until": {"$type": "date", "$lt": now}}
        await self._rows.update_many(old, {"$unset": {"cells": "", "cells_until": ""}})

    async def finish(self, roster: Roster, at: datetime) -> None:
        """Without the staff numbers that the coordinator gave, which are needed no longer."""
        done = {"state": "done", "finished_at": at, "answers.same_person": []}
        await self._rosters.update_one(_mine(roster), {"$set": done})

    async def apply(self, roster: Roster, chunk: Chunk, plan: Plan) -> None:
        await self._chunk_effects.apply(roster, chunk, plan)

    async def _drop_chunks(self, roster: Roster) -> None:
        await self._chunks.delete_many({"roster": roster.id})


def _within(scope: Scope) -> Document:
    """Rosters stored before scopes existed belong to the whole institution."""
    if scope.is_whole:
        return {"institution": scope.institution}
    covered = {"$ne": [], "$not": {"$elemMatch": {"$nin": sorted(scope.programmes)}}}
    return {"institution": scope.institution, "is_whole": False, "programmes": covered}


def _mine(roster: Roster) -> Document:
    return {"_id": roster.id, "institution": roster.institution}


def _row_document(row: Row) -> Document:
    source = {"line": row.line, "cells": list(row.cells)}
    if row.profile is None:
        return {**source, "reasons": [asdict(reason) for reason in row.reasons]}
    return {**source, "told": row.profile.model_dump(exclude_unset=True)}


def _row(document: Document) -> Row:
    cells = tuple(document.get("cells", ()))
    if "told" not in document:
        return Row(line=document["line"], reasons=_reasons(document), cells=cells)
    return Row(line=document["line"], profile=_to_profile(document["told"]), cells=cells)


def _to_profile(document: Document) -> Profile:
    """Without validation, which happened on receipt: validating 50,000 rows again would take seconds."""
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in document.items()
    }
    if "enrolments" in values:
        values["enrolments"] = tuple(
            Enrolment.model_construct(programme=enrolment["programme"], roles=tuple(enrolment["roles"]))
            for enrolment in values["enrolments"]
        )
    return Profile.model_construct(_fields_set=set(values), **values)


def _reasons(document: Document) -> tuple[Reason, ...]:
    return tuple(Reason(reason["column"], reason["message"]) for reason in document["reasons"])


def _row_result(document: Document) -> RowResult:
    return RowResult(
        line=document["line"],
        verdict=document["verdict"],
        member=document["member"],
        reasons=_reasons(document),
        kept=tuple(document["kept"]),
        undone=document.get("undone"),
        cells=tuple(document.get("cells", ())),
    )


def _to_document(roster: Roster) -> Document:
    return {
        "_id": roster.id,
        "institution": roster.institution,
        "is_whole": roster.scope.is_whole,
        "programmes": sorted(roster.scope.programmes),
        "section": roster.section,
        "dry_run": roster.dry_run,
        "authoritative": sorted(roster.authoritative),
        "created_at": roster.created_at,
        "trace": asdict(roster.trace),
        "state": roster.state,
        "rows": roster.rows,
        "counts": dict(roster.counts),
        "finished_at": roster.finished_at,
        "answers": {"reactivate": roster.answers.reactivate, "same_person": sorted(roster.answers.same_person)},
    }


def _scope(document: Document) -> Scope:
    """A waiting roster from before scopes existed has an empty scope: its rows are refused and can be sent again."""
    programmes = frozenset(document.get("programmes", ()))
    return Scope(institution=document["institution"], is_whole=document.get("is_whole", False), programmes=programmes)


def _answers(document: Document) -> Answers:
    return Answers(reactivate=document.get("reactivate", False), same_person=frozenset(document.get("same_person", ())))


def _from_document(document: Document) -> Roster:
    kept: dict[str, Any] = {name: document[name] for name in ("section", "dry_run", "state", "rows", "finished_at")}
    return Roster(
        id=document["_id"],
        scope=_scope(document),
        authoritative=frozenset(document["authoritative"]),
        created_at=document["created_at"],
        trace=Trace(**document["trace"]),
        counts=document["counts"],
        answers=_answers(document.get("answers", {})),
        undone=document.get("undone", {}),
        titles=tuple(document.get("titles", ())),
        **kept,
    )
