"""Exports a person's data, and erases it: their copy becomes a marker, each slice deletes what is theirs, and a receipt
is published, in one transaction. Mentorships stay, with ids only: they are the other person's record too.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from services.mentorships.privacy.usecases import Exported
from services.mentorships.projections.repository import MENTORS, PEOPLE, MongoProjections, mentor_fields
from shared.clock import Clock
from shared.consuming import erasure_receipts
from shared.consuming.erasure_receipts import publish_receipt
from shared.consuming.projection import Refused, erased_states, fold_within, refused_of
from shared.contracts.envelope import Received
from shared.contracts.mentorships import MentorshipsErasureCompleted
from shared.contracts.profiles import MemberChanged, MemberErased, MentoringProfileChanged
from shared.mongo import Database, Document, Transaction, in_transaction

Forget = Callable[[Transaction, str], None]
"""Deletes what a slice keeps of a member, by their id, in the transaction of the erasure."""


Export = Callable[[Database, str, str], Awaitable[Sequence[Document]]]
"""What a slice holds about a member, by institution and id."""


class MongoExports:
    def __init__(self, database: Database, sections: Mapping[str, Export]) -> None:
        self._database = database
        self._sections = sections
        self._projections = MongoProjections(database)

    async def bound(self, institution: str, subject_hash: str) -> str | None:
        return await self._projections.bound(institution, subject_hash)

    async def of(self, institution: str, member: str) -> Exported:
        return {name: await export(self._database, institution, member) for name, export in self._sections.items()}


class MongoErasures:
    def __init__(self, database: Database, clock: Clock, *, forget: Sequence[Forget]) -> None:
        self._database = database
        self._clock = clock
        self._forget = forget

    async def prepare(self) -> None:
        await erasure_receipts.prepare(self._database)

    async def fold_erasures(self, received: Sequence[Received]) -> list[Refused]:
        erased = [record for record in received if isinstance(record.payload, MemberErased)]
        if not erased:
            return []
        return await in_transaction(self._database, lambda transaction: self._erase(transaction, erased))

    def _erase(self, transaction: Transaction, erased: Sequence[Received]) -> list[Refused]:
        states = erased_states(erased, MentoringProfileChanged, lambda event: event.mentoring_sequence)
        _, distrusted = fold_within(transaction, PEOPLE, states)
        roles = erased_states(erased, MemberChanged, lambda event: event.members_sequence)
        _, distrusted_roles = fold_within(transaction, MENTORS, roles, mentor_fields)
        refused = refused_of(erased, [*distrusted, *distrusted_roles])
        now = self._clock.now()
        for record in erased:
            if all(record is not refusal.received for refusal in refused):
                for forget in self._forget:
                    forget(transaction, record.envelope.subject)
                publish_receipt(transaction, record, MentorshipsErasureCompleted, service="mentorships", now=now)
        return refused
