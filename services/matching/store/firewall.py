"""Rotations entered, and counted: what begins or ceases to count, and what follows from it, in one transaction.

It writes to the seats of the people concerned, as asking and accepting do, so that of two such transactions at once one
begins again and sees what the other did.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from services.matching.domain.assessments import Rotation, Window
from services.matching.domain.relationships import Relationship
from services.matching.store import assessments, pairs
from services.matching.store.assessments import COUNTING, ROTATION_INDEXES, ROTATIONS, WINDOWS, rotation_of
from services.matching.store.displacements import DISPLACEMENTS
from services.matching.store.pairs import IN_CONFLICT, OPEN, relationship_of, request_of
from services.matching.store.people import SEATS
from services.matching.store.projections import PARTICIPANTS, PROGRAMMES
from services.matching.store.requests import RequestStore, seated_none
from services.matching.usecases.assessing import Counted, Couple, Follow
from services.matching.usecases.parties import AnyDecided, Position
from shared.contracts.envelope import Trace
from shared.mongo import ASCENDING, Document, ReplaceOne, Session, ensure_indexes, in_transaction

_DAYS = {"assessment_lookback_days": 180, "assessment_lookahead_days": 365}
"""Where the copy is older than the contract's fields."""


class FirewallStore(RequestStore):
    async def prepare(self) -> None:
        await ensure_indexes(self._database[ROTATIONS], ROTATION_INDEXES)
        await ensure_indexes(self._database[WINDOWS], [])

    async def members(self, institution: str, ids: Collection[str]) -> Collection[str]:
        wanted = {"_id": {"$in": list(ids)}, "institution": institution, "erased": False}
        return {one["_id"] async for one in self._database[PARTICIPANTS].find(wanted, {"_id": 1})}

    async def known(self, institution: str, externals: Collection[str]) -> Mapping[str, Rotation]:
        wanted = {"institution": institution, "external": {"$in": list(externals)}}
        return {one["external"]: rotation_of(one) async for one in self._database[ROTATIONS].find(wanted)}

    async def keep(self, rotations: Sequence[Rotation], trace: Trace) -> None:
        if not rotations:
            return
        writes = assessments.keeping(rotations, event=self._clock.new_id(), correlation=trace.correlation_id)
        await in_transaction(self._database, lambda session: self._all(ROTATIONS, writes, session))

    async def page(self, institution: str, *, after: str, limit: int) -> Sequence[Rotation]:
        wanted = {"institution": institution, "external": {"$gt": after}, "void": False}
        found = self._database[ROTATIONS].find(wanted).sort("external", ASCENDING).limit(limit)
        return [rotation_of(one) async for one in found]

    async def in_conflict(
        self, institution: str, programme: str, *, before: Position | None, limit: int
    ) -> Sequence[Relationship]:
        wanted = {"institutions": institution, "programme": programme, **IN_CONFLICT, **OPEN}
        found = await pairs.newest(self._relationships, wanted, before=before, limit=limit)
        return [relationship_of(one) for one in found]

    async def mark_changed_windows(self, *, now: datetime) -> None:
        marked = {one["_id"]: one async for one in self._database[WINDOWS].find()}
        async for one in self._programmes({}):
            window = {"_id": one["_id"], "institution": one["institution"], "admits": one["admits"], **_days(one)}
            before = marked.get(one["_id"], {"admits": []})
            if window == before:
                continue
            concerned = {"institution": {"$in": [*window["admits"], *before["admits"]]}, "void": False}
            await self._database[ROTATIONS].update_many(concerned, {"$set": {"due_at": now}})
            await self._database[WINDOWS].bulk_write([ReplaceOne({"_id": one["_id"]}, window, upsert=True)])

    async def recount(self, counted: Counted, follow: Follow, *, now: datetime, limit: int, trace: Trace) -> int:
        async def body(session: Session) -> int:
            found = self._database[ROTATIONS].find(pairs.due(now), session=session)
            due = [rotation_of(one) async for one in found.sort("due_at", ASCENDING).limit(limit)]
            if due:
                windows = await self._windows({one.institution for one in due}, session)
                changes = [(one, counted(one, windows[one.institution])) for one in due]
                await self._recounted(changes, trace, session)
                await self._follow(changes, follow, trace, session)
            return len(due)

        return await in_transaction(self._database, body)

    async def _recounted(self, changes: Iterable[tuple[Rotation, Rotation]], trace: Trace, session: Session) -> None:
        event, correlation = self._clock.new_id(), trace.correlation_id
        writes = [
            assessments.recounted(before, after, event=event, correlation=correlation) for before, after in changes
        ]
        await self._all(ROTATIONS, writes, session)

    async def _follow(
        self, changes: Iterable[tuple[Rotation, Rotation]], follow: Follow, trace: Trace, session: Session
    ) -> None:
        couples = {after.both: after.institution for before, after in changes if before.programmes != after.programmes}
        if not couples:
            return
        homes = {member: institution for both, institution in couples.items() for member in both}
        own = {"parties": {"$in": list(homes)}}
        seats = [seated_none(member, institution=home) for member, home in sorted(homes.items())]
        await self._all(SEATS, seats, session)
        opened = await self._relationships.find({**own, **OPEN}, session=session).to_list(None)
        pending = await self._requests.find({**own, "state": "pending"}, session=session).to_list(None)
        decided = follow(
            await self._apart(couples, own, session),
            [relationship_of(one) for one in opened if frozenset(one["parties"]) in couples],
            [request_of(one) for one in pending if frozenset(one["parties"]) in couples],
        )
        await self._write(decided, trace, session)
        await self._keep_in_place(decided, session)

    async def _apart(self, couples: Collection[frozenset[str]], own: Document, session: Session) -> Collection[Couple]:
        """By all their rotations, as they have just been written."""
        found = self._database[ROTATIONS].find({**own, **COUNTING}, session=session)
        known = [rotation_of(one) async for one in found]
        return {(programme, one.both) for one in known if one.both in couples for programme in one.programmes}

    async def _keep_in_place(self, decided: Sequence[AnyDecided], session: Session) -> None:
        """Whose conflict has passed is displaced no more."""
        passed = [one.state.id for one in decided if isinstance(one.state, Relationship) and not one.state.conflict]
        if passed:
            gone = {"_id": {"$in": passed}, "cause": "conflict"}
            await self._database[DISPLACEMENTS].delete_many(gone, session=session)

    async def _windows(self, institutions: Collection[str], session: Session) -> Mapping[str, Sequence[Window]]:
        windows: defaultdict[str, list[Window]] = defaultdict(list)
        async for one in self._programmes({"admits": {"$in": list(institutions)}}, session):
            back, ahead = (timedelta(days=days) for days in _days(one).values())
            window = Window(programme=one["_id"], lookback=back, lookahead=ahead)
            for institution in set(institutions) & set(one["admits"]):
                windows[institution].append(window)
        return windows

    def _programmes(self, wanted: Document, session: Session | None = None) -> Any:
        kept = dict.fromkeys(("institution", "admits", *_DAYS), 1)
        return self._database[PROGRAMMES].find({**wanted, "erased": False}, kept, session=session)


def _days(programme: Document) -> dict[str, int]:
    return {name: programme.get(name, usual) for name, usual in _DAYS.items()}
