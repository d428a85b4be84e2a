"""Undoes imports row by row, each in one transaction. What a row changed is kept for a day, or until its member is
erased.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from services.profiles.kernel.domain.aggregate import Versioned, changed_facts
from services.profiles.kernel.repository import next_sequences, to_outbox_events, to_versioned
from services.profiles.members.domain import members as domain
from services.profiles.members.domain.members import Member
from services.profiles.members.repository.members import MAPPING, MEMBERS, MongoMemberRepository
from services.profiles.rosters.domain.merging import Outcome
from services.profiles.rosters.domain.undoing import UNDO_TIME, RowUndo, Undone
from services.profiles.rosters.usecases import Roster
from shared.clock import Clock
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
from shared.outbox import table as outbox

ROWS = "roster_rows"
_KEPT: Document = {"undo.until": {"$type": "date"}}
_INDEXES = [
    IndexModel(
        [("roster", ASCENDING), ("undo.tries", ASCENDING), ("line", ASCENDING)],
        name="to_undo",
        partialFilterExpression=_KEPT,
    ),
    IndexModel([("undo.until", ASCENDING)], name="undo_over", partialFilterExpression=_KEPT),
    IndexModel([("member", ASCENDING)], name="undo_of_member", partialFilterExpression=_KEPT),
]
EraseNow = Callable[[Transaction, str, str], None]
"""Has a member of an institution erased without the usual wait, in the caller's transaction."""


class MongoRosterUndo:
    def __init__(
        self, database: Database, members: MongoMemberRepository, clock: Clock, *, erase_now: EraseNow
    ) -> None:
        self._database = database
        self._members = members
        self._clock = clock
        self._erase_now = erase_now

    async def prepare(self) -> None:
        await ensure_indexes(self._database[ROWS], _INDEXES)

    async def begin(self, roster: Roster) -> None:
        """Changes nothing where somebody else was first."""
        wanted = {"_id": roster.id, "institution": roster.institution, "state": "done"}

        def body(transaction: Transaction) -> None:
            begun = {"$set": {"state": "undoing"}}
            matched = transaction["rosters"].update_one(wanted, begun, session=transaction.session).matched_count
            transaction.changes_nothing = not matched

        await in_transaction(self._database, body)

    async def next_rows(self, roster: Roster, *, limit: int) -> Sequence[RowUndo]:
        wanted = {"roster": roster.id, "institution": roster.institution, **_KEPT}
        found = self._database[ROWS].find(wanted).sort([("undo.tries", ASCENDING), ("line", ASCENDING)]).limit(limit)
        return [_row_undo(document) async for document in found]

    async def undo(self, roster: Roster, row: RowUndo) -> None:
        def body(transaction: Transaction) -> None:
            mine = {"_id": row.member, "institution": roster.institution}
            document = transaction[MEMBERS].find_one(mine, session=transaction.session)
            if document is None or document["version"] != row.version:
                self._end(transaction, roster, row, "left")
                return
            if row.values is None:
                self._withdraw(transaction, roster, row)
            else:
                self._restore(transaction, roster, document, row.values)
            self._end(transaction, roster, row, "undone")

        try:
            await in_transaction(self._database, body)
        except DuplicateKeyError:
            await self._try_later(roster, row)

    async def finish(self, roster: Roster) -> None:
        mine = {"_id": roster.id, "institution": roster.institution, "state": "undoing"}
        done = {"$set": {"state": "undone", "undone_at": self._clock.now()}}
        await self._database["rosters"].update_one(mine, done)

    async def forget_old(self, now: datetime) -> None:
        """Of imports that are being undone when their day ends, nothing is forgotten before that is done."""
        undoing = await self._database["rosters"].distinct("_id", {"state": "undoing"})
        old = {"undo.until": {"$type": "date", "$lt": now}, "roster": {"$nin": undoing}}
        await self._database[ROWS].update_many(old, {"$unset": {"undo": ""}})

    def _withdraw(self, transaction: Transaction, roster: Roster, row: RowUndo) -> None:
        """Inactive at once, so that nobody can accept an invitation until the member is erased."""
        mine = {"_id": row.member, "institution": roster.institution, "version": row.version}
        inactive = {"$set": {"status": "inactive"}, "$inc": {"version": 1}}
        transaction[MEMBERS].update_one(mine, inactive, session=transaction.session)
        self._erase_now(transaction, roster.institution, row.member)

    def _restore(self, transaction: Transaction, roster: Roster, document: Document, values: Any) -> None:
        before = to_versioned(document, MAPPING)
        after = MAPPING.from_document({**document, **values})
        payloads = changed_facts(domain.facts(before.state), domain.facts(after))
        new = Versioned(after, before.version + 1, next_sequences(before.sequences, payloads))
        self._members.replace(before, new, transaction)
        facts = to_outbox_events(
            payloads, new.sequences, institution=after.institution, clock=self._clock, trace=roster.trace, bulk=True
        )
        outbox.write(transaction, facts)

    def _end(self, transaction: Transaction, roster: Roster, row: RowUndo, undone: Undone) -> None:
        """Counts the row once: two workers at the same time conflict here."""
        ended = {"$unset": {"undo": ""}, "$set": {"undone": undone}}
        wanted = {"_id": row.row, **_KEPT}
        if transaction[ROWS].update_one(wanted, ended, session=transaction.session).matched_count:
            counted = {"$inc": {f"undone.{undone}": 1}}
            transaction["rosters"].update_one({"_id": roster.id}, counted, session=transaction.session)

    async def _try_later(self, roster: Roster, row: RowUndo) -> None:
        """Once more after the other rows, which may give back the address."""
        if row.tries == 0:
            await self._database[ROWS].update_one({"_id": row.row, **_KEPT}, {"$inc": {"undo.tries": 1}})
            return
        await in_transaction(self._database, lambda transaction: self._end(transaction, roster, row, "left"))


def undo_of(outcome: Outcome, now: datetime) -> Document:
    """What a row's document keeps of its outcome to undo it; empty where nothing was written."""
    before, after = outcome.before, outcome.after
    if after is None:
        return {}
    values = _changed(before.state, after) if before is not None else None
    version = before.version + 1 if before is not None else 1
    return {"undo": {"until": now + UNDO_TIME, "tries": 0, "version": version, "values": values}}


def forget(transaction: Transaction, institution: str, member: str) -> None:
    """Deletes the earlier values of an erased member."""
    mine = {"institution": institution, "member": member, **_KEPT}
    transaction[ROWS].update_many(mine, {"$unset": {"undo": ""}}, session=transaction.session)


def _changed(before: Member, after: Member) -> Document:
    """The earlier values of the fields that differ, as stored."""
    earlier, later = MAPPING.to_document(before), MAPPING.to_document(after)
    return {name: value for name, value in earlier.items() if later.get(name) != value}


def _row_undo(document: Document) -> RowUndo:
    undo = document["undo"]
    return RowUndo(
        row=document["_id"],
        member=document["member"],
        version=undo["version"],
        values=undo["values"],
        tries=undo["tries"],
    )
