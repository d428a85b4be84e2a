"""Applies one chunk of a roster in one transaction: members, facts, verdicts and counts are written, the chunk deleted.

Deleting the chunk makes this happen once: a process that does not find the chunk does nothing.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict

from services.profiles.kernel.domain.aggregate import Versioned, changed_facts
from services.profiles.kernel.repository import next_sequences, to_outbox_events, to_versioned
from services.profiles.members.domain import members as domain
from services.profiles.members.domain.members import Member
from services.profiles.members.repository.members import MAPPING, MongoMemberRepository
from services.profiles.rosters.domain.merging import Outcome
from services.profiles.rosters.repository.undoing import undo_of
from services.profiles.rosters.usecases import CELLS_KEPT, Chunk, Plan, Roster
from shared.clock import Clock
from shared.errors import StaleVersion
from shared.mongo import (
    BulkWriteError,
    Database,
    Document,
    InsertOne,
    ReplaceOne,
    Transaction,
    UpdateOne,
    duplicates_in,
    in_transaction,
)
from shared.outbox import table as outbox
from shared.outbox.table import OutboxEvent

_SECONDS = 30
_TAKEN = "the e-mail address or external_id belongs to another member by now"


class ChunkEffects:
    def __init__(self, database: Database, members: MongoMemberRepository, clock: Clock) -> None:
        self._database = database
        self._members = members
        self._clock = clock

    async def apply(self, roster: Roster, chunk: Chunk, plan: Plan) -> None:
        """Plans a row again if another member has taken its unique value since, then refuses it: the chunk goes on."""
        taken: dict[int, str] = {}
        collisions: Counter[int] = Counter()
        while True:
            attempt = _Attempt(self._members, self._clock, roster=roster, chunk=chunk, plan=plan, taken=taken)
            try:
                return await in_transaction(self._database, attempt.run, seconds=_SECONDS)
            except _ValueTaken as collision:
                collisions[collision.line] += 1
                if collisions[collision.line] > 1:
                    taken[collision.line] = _TAKEN
            except _ChunkChanged:
                return None  # another process works on the roster: the worker reads its chunks again
            except StaleVersion:  # a member changed in between: the next attempt reads and plans again
                continue


class _ChunkChanged(Exception):
    """Rows that the chunk borrowed were applied meanwhile."""


class _ValueTaken(Exception):
    """The member of this line has a unique value that another member has."""

    def __init__(self, line: int) -> None:
        super().__init__()
        self.line = line


class _Attempt:
    """One chunk in one transaction. The driver may run it more than once: each run reads again."""

    def __init__(
        self,
        members: MongoMemberRepository,
        clock: Clock,
        *,
        roster: Roster,
        chunk: Chunk,
        plan: Plan,
        taken: Mapping[int, str],
    ) -> None:
        self._members = members
        self._clock = clock
        self._roster = roster
        self._chunk = chunk
        self._plan = plan
        self._taken = taken
        self._written: list[Outcome] = []

    def run(self, transaction: Transaction) -> None:
        gone = transaction["roster_chunks"].delete_one({"_id": self._chunk.id}, session=transaction.session)
        if not gone.deleted_count:
            return
        for id, lines in self._chunk.borrowed.items():
            taken = {"$pull": {"rows": {"line": {"$in": list(lines)}}}}
            held = {"_id": id, "rows.line": {"$all": list(lines)}}
            if not transaction["roster_chunks"].update_one(held, taken, session=transaction.session).matched_count:
                raise _ChunkChanged
        outcomes = self._plan(self._known(transaction), self._taken)
        self._written = [outcome for outcome in outcomes if outcome.after is not None and not self._roster.dry_run]
        self._write(transaction)
        if not outcomes:  # other chunks took all rows
            return
        transaction["roster_rows"].insert_many(
            [self._row(outcome) for outcome in outcomes], session=transaction.session
        )
        counts = Counter(f"counts.{outcome.verdict}" for outcome in outcomes)
        transaction["rosters"].update_one({"_id": self._roster.id}, {"$inc": dict(counts)}, session=transaction.session)

    def _known(self, transaction: Transaction) -> list[Versioned[Member]]:
        """Two queries: with `$or` the planner uses neither partial index and reads the whole institution."""
        profiles = [row.profile for row in self._chunk.rows if row.profile is not None]
        wanted = {
            "email": [profile.email for profile in profiles],
            "external_id": [profile.external_id for profile in profiles if profile.external_id],
        }
        known: dict[str, Document] = {}
        for name, values in wanted.items():
            if values:
                mine = {"institution": self._roster.institution, name: {"$in": values}}
                found = transaction[MAPPING.collection].find(mine, session=transaction.session)
                known |= {document["_id"]: document for document in found}
        return [to_versioned(document, MAPPING) for document in known.values()]

    def _write(self, transaction: Transaction) -> None:
        writes: list[InsertOne[Document] | ReplaceOne[Document]] = []
        facts: list[OutboxEvent] = []
        for outcome in self._written:
            write, further = self._write_and_facts(outcome)
            writes.append(write)
            facts += further
        if not writes:
            return
        freed = self._freed_addresses()
        try:
            done = transaction[MAPPING.collection].bulk_write([*freed, *writes], session=transaction.session)
        except BulkWriteError as failed:
            if not duplicates_in(failed):
                raise
            first = (failed.details or {})["writeErrors"][0]["index"]  # an ordered write stops at the first error
            raise _ValueTaken(self._written[first - len(freed)].line) from None
        if done.inserted_count + done.matched_count < len(freed) + len(writes):
            raise StaleVersion(found=0, expected=0)
        outbox.write(transaction, facts)

    def _freed_addresses(self) -> list[UpdateOne]:
        """Takes away the addresses that other members of this chunk get, because an index checks each write alone."""
        wanted = {outcome.after.email: outcome.member for outcome in self._written if outcome.after is not None}
        return [
            UpdateOne(
                {"_id": before.state.id, "institution": before.state.institution},
                {"$set": {"email": f"{before.state.id} moves"}},
            )
            for outcome in self._written
            if (before := outcome.before) and wanted.get(before.state.email, before.state.id) != before.state.id
        ]

    def _write_and_facts(
        self, outcome: Outcome
    ) -> tuple[InsertOne[Document] | ReplaceOne[Document], list[OutboxEvent]]:
        before, after = outcome.before, outcome.after
        assert after is not None  # noqa: S101 -- what `_written` is made of
        payloads = changed_facts(domain.facts(before.state), domain.facts(after)) if before else domain.facts(after)
        sequences = next_sequences(before.sequences if before else {}, payloads)
        new = Versioned(after, before.version + 1 if before else 1, sequences)
        document = self._members.document(new)
        facts = to_outbox_events(
            payloads,
            sequences,
            institution=after.institution,
            clock=self._clock,
            trace=self._roster.trace,
            bulk=True,
        )
        if before is None:
            return InsertOne(document), facts
        guard = {"_id": after.id, "institution": after.institution, "version": before.version}
        return ReplaceOne(guard, document), facts

    def _row(self, outcome: Outcome) -> Document:
        return {
            "_id": f"{self._roster.id}:{outcome.line:09d}",
            "roster": self._roster.id,
            "institution": self._roster.institution,
            "line": outcome.line,
            "verdict": outcome.verdict,
            "member": None if self._roster.dry_run and outcome.verdict == "created" else outcome.member,
            "reasons": [asdict(reason) for reason in outcome.reasons],
            "kept": list(outcome.kept),
            **({} if self._roster.dry_run else undo_of(outcome, self._clock.now())),
            **(self._cells(outcome.line) if outcome.verdict == "refused" else {}),
        }

    def _cells(self, line: int) -> Document:
        cells = next((row.cells for row in self._chunk.rows if row.line == line), ())
        return {"cells": list(cells), "cells_until": self._clock.now() + CELLS_KEPT} if cells else {}
