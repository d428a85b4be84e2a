"""Saves pairs that a coordinator adds or ends, with an entry in `audit`, in one transaction."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from services.matching.kernel.pairs import Decided
from services.matching.mentoring.domain.by_hand import WantedPair
from services.matching.mentoring.domain.relationships import Relationship
from services.matching.mentoring.domain.requests import Situation
from services.matching.mentoring.repository.decisions import save_together
from services.matching.mentoring.repository.pairs import OPEN, RELATIONSHIPS, relationship_of
from services.matching.mentoring.repository.situations import pending, situation
from services.matching.mentoring.usecases.parties import AnyDecided
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.mongo import Database, Transaction, ensure_indexes, in_transaction

AUDIT = "audit"


class MongoPairsByHand:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def prepare(self) -> None:
        await ensure_indexes(self._database[AUDIT], [])

    async def add(
        self, wanted: WantedPair, decide: Callable[[Situation], Sequence[AnyDecided]], trace: Trace, *, by: str
    ) -> None:
        def body(transaction: Transaction) -> None:
            current = situation(transaction, wanted.programme, mentee=wanted.mentee, mentor=wanted.mentor)
            competing = pending(transaction, {"mentor.member": wanted.mentor}) if current.is_last_seat else ()
            known = replace(current, competing_requests=competing, are_together=_are_together(transaction, wanted))
            decided = decide(known)
            save_together(transaction, decided, [current], self._clock, trace)
            self._record(transaction, wanted.id, "pair added", institution=wanted.institution, by=by)

        await in_transaction(self._database, body)

    async def end(
        self,
        id: str,
        decide: Callable[[Relationship, Situation], Decided[Relationship] | None],
        trace: Trace,
        *,
        institution: str,
        by: str,
    ) -> Relationship:
        def body(transaction: Transaction) -> Relationship:
            wanted = {"_id": id, "institutions": institution}
            document = transaction[RELATIONSHIPS].find_one(wanted, session=transaction.session)
            if document is None:
                raise LookupError(f"{RELATIONSHIPS}: {id} was seen and is gone")
            before = relationship_of(document)
            pair = before.pair
            current = situation(transaction, pair.programme, mentee=pair.mentee.member, mentor=pair.mentor.member)
            decided = decide(before, current)
            if decided is None:
                transaction.changes_nothing = True
                return before
            save_together(transaction, [decided], [current], self._clock, trace)
            self._record(transaction, id, "pair ended", institution=institution, by=by)
            return decided.state

        return await in_transaction(self._database, body)

    def _record(self, transaction: Transaction, relationship: str, what: str, *, institution: str, by: str) -> None:
        entry = {"when": self._clock.now(), "who": by, "what": what, "relationship": relationship}
        new = {"_id": self._clock.new_id(), "institution": institution, **entry}
        transaction[AUDIT].insert_one(new, session=transaction.session)


def _are_together(transaction: Transaction, wanted: WantedPair) -> bool:
    pair = {"programme": wanted.programme, "mentee.member": wanted.mentee, "mentor.member": wanted.mentor}
    found = transaction[RELATIONSHIPS].find_one({**pair, **OPEN}, {"_id": 1}, session=transaction.session)
    return found is not None
