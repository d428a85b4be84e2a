"""Stores codes by their hash, and moves each relationship in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from services.matching.kernel.pairs import Party
from services.matching.mentoring.domain.departures import Departure
from services.matching.mentoring.repository.decisions import save_together
from services.matching.mentoring.repository.pairs import OPEN, RELATIONSHIPS, relationship_of
from services.matching.mentoring.repository.situations import situation
from services.matching.moves.domain import MoveCode, StayReason, pair_after
from services.matching.moves.usecases import Decide
from services.matching.projections import people
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.mongo import (
    ASCENDING,
    Database,
    Document,
    IndexModel,
    Transaction,
    ensure_indexes,
    in_transaction,
)

MOVES = "moves"
_INDEXES = [
    IndexModel([("code_hash", ASCENDING)], name="by_code", unique=True),
    IndexModel([("parties", ASCENDING)], name="of_member"),
    IndexModel([("expires_at", ASCENDING)], name="expired", expireAfterSeconds=0),
]


class MongoMoves:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._codes = database[MOVES]

    async def prepare(self) -> None:
        await ensure_indexes(self._codes, _INDEXES)

    async def signed_in(self, institution: str, subject_hash: str) -> str | None:
        return await people.signed_in(self._database, institution, subject_hash)

    async def add(self, code: MoveCode) -> None:
        document = {
            "institution": code.former.institution,
            "parties": [code.former.member],
            "code_hash": code.code_hash,
            "expires_at": code.expires_at,
            "new": None,
            "moved": {},
        }

        def body(transaction: Transaction) -> None:
            former = {"_id": code.former.member}
            transaction[MOVES].replace_one(former, document, upsert=True, session=transaction.session)

        await in_transaction(self._database, body)

    async def find(self, code_hash: str) -> MoveCode | None:
        """By the code alone: it names the institution that the person leaves."""
        document = await self._codes.find_one({"code_hash": code_hash})
        return _code(document) if document else None

    async def take(self, code: MoveCode, new: Party) -> bool:
        def body(transaction: Transaction) -> bool:
            mine = {"_id": code.former.member, "code_hash": code.code_hash}
            taken = {"$set": {"new": asdict(new)}, "$addToSet": {"parties": new.member}}
            is_first = transaction[MOVES].update_one({**mine, "new": None}, taken, session=transaction.session)
            if is_first.matched_count:
                return True
            transaction.changes_nothing = True
            again = transaction[MOVES].find_one({**mine, "new": asdict(new)}, {"_id": 1}, session=transaction.session)
            return again is not None

        return await in_transaction(self._database, body)

    async def moved(self, code: MoveCode) -> Mapping[str, str]:
        document = await self._codes.find_one({"_id": code.former.member, "code_hash": code.code_hash}, {"moved": 1})
        return document["moved"] if document else {}

    async def open_relationships(self, member: Party) -> Sequence[str]:
        wanted = {"parties": member.member, "institutions": member.institution, **OPEN}
        found = self._database[RELATIONSHIPS].find(wanted, {"_id": 1}).sort("_id", ASCENDING)
        return [document["_id"] async for document in found]

    async def move(
        self, code: MoveCode, new: Party, relationship: str, decide: Decide, trace: Trace
    ) -> StayReason | None:
        def body(transaction: Transaction) -> StayReason | None:
            wanted = {"_id": relationship, "institutions": code.former.institution, **OPEN}
            document = transaction[RELATIONSHIPS].find_one(wanted, session=transaction.session)
            if document is None:
                transaction.changes_nothing = True
                return None
            before = relationship_of(document)
            pair = pair_after(before.pair, former=code.former, new=new)
            current = situation(transaction, pair.programme, mentee=pair.mentee.member, mentor=pair.mentor.member)
            decided = decide(before, current)
            if isinstance(decided, str):
                transaction.changes_nothing = True
                return decided
            save_together(transaction, decided, [current], self._clock, trace)
            transaction[MOVES].update_one(
                {"_id": code.former.member},
                {"$set": {f"moved.{relationship}": decided[1].state.id}},
                session=transaction.session,
            )
            return None

        return await in_transaction(self._database, body)


def forget(transaction: Transaction, departure: Departure) -> None:
    """Deletes an erased member's code, and those that they entered."""
    transaction[MOVES].delete_many({"parties": departure.member}, session=transaction.session)


def _code(document: Document) -> MoveCode:
    former = Party(member=document["_id"], institution=document["institution"])
    new = Party(**document["new"]) if document["new"] else None
    return MoveCode(code_hash=document["code_hash"], former=former, expires_at=document["expires_at"], new=new)
