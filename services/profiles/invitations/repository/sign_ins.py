"""Finds and changes the sign-ins of members who move to another issuer."""

from collections.abc import Sequence

from services.profiles.kernel.domain.aggregate import Versioned
from services.profiles.members.domain.members import Member
from services.profiles.members.repository.members import MongoMemberRepository
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.contracts.payload import Payload
from shared.mongo import Database, Transaction


class MongoSignInRepository(MongoMemberRepository):
    def __init__(self, database: Database, clock: Clock, *, operator: str) -> None:
        super().__init__(database, clock)
        self._operator = operator

    async def find_by_email(self, institution: str, email: str) -> Versioned[Member] | None:
        return self._read(await self.collection.find_one({"institution": institution, "email": email}))

    async def rebind(self, before: Versioned[Member], after: Member, payloads: Sequence[Payload], trace: Trace) -> None:
        entry = {
            "_id": self._clock.new_id(),
            "when": self._clock.now(),
            "who": self._operator,
            "what": "sign-in moved",
            "institution": after.institution,
            "member": after.id,
        }

        def record(transaction: Transaction) -> None:
            transaction["audit"].insert_one(entry, session=transaction.session)

        await self.save_with(record, before, after, payloads, trace)
