"""Documents ↔ mentoring policies."""

from services.mentorships.policies.domain import DEFAULT_INTRODUCTION_DAYS, MentoringPolicy
from services.mentorships.policies.usecases import Decide
from services.mentorships.projections.domain import Programme
from services.mentorships.projections.repository import MongoProjections
from shared.errors import StaleVersion
from shared.mongo import Database, Document, DuplicateKeyError, Transaction, ensure_indexes, in_transaction

POLICIES = "policies"


class MongoPolicies:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._projections = MongoProjections(database)

    async def prepare(self) -> None:
        await ensure_indexes(self._database[POLICIES], [])

    async def programme(self, id: str) -> Programme | None:
        return await self._projections.programme(id)

    async def find(self, programme: Programme) -> MentoringPolicy:
        wanted = {"_id": programme.id, "institution": programme.institution}
        return _policy(await self._database[POLICIES].find_one(wanted), programme)

    async def change(self, programme: Programme, decide: Decide) -> MentoringPolicy:
        def body(transaction: Transaction) -> MentoringPolicy:
            key = {"_id": programme.id, "institution": programme.institution}
            before = _policy(transaction[POLICIES].find_one(key, session=transaction.session), programme)
            after = decide(before)
            if after == before:
                transaction.changes_nothing = True
                return before
            fields = {"introduction_days": after.introduction_days, "version": after.version}
            guard = {**key, "version": before.version}
            try:
                transaction[POLICIES].replace_one(
                    guard, {**key, **fields}, upsert=before.version == 0, session=transaction.session
                )
            except DuplicateKeyError:
                raise StaleVersion(found=1, expected=0) from None
            return after

        return await in_transaction(self._database, body)


def introduction_days(transaction: Transaction, programme: str) -> int:
    """In the caller's transaction. Events name programmes without an institution."""
    found = transaction[POLICIES].find_one({"_id": programme}, session=transaction.session)
    return int(found["introduction_days"]) if found else DEFAULT_INTRODUCTION_DAYS


def _policy(document: Document | None, programme: Programme) -> MentoringPolicy:
    known = MentoringPolicy(programme=programme.id, institution=programme.institution)
    if document is None:
        return known
    return MentoringPolicy(
        programme=programme.id,
        institution=programme.institution,
        version=document["version"],
        introduction_days=document["introduction_days"],
    )
