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
from shared.mongo import Database, Writing, ensure_indexes, in_one_thread

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
        def body(writing: Writing) -> None:
            current = situation(writing, wanted.programme, mentee=wanted.mentee, mentor=wanted.mentor)
            competing = pending(writing, {"mentor.member": wanted.mentor}) if current.is_last_seat else ()
            known = replace(current, competing_requests=competing, are_together=_are_together(writing, wanted))
            decided = decide(known)
            save_together(writing, decided, [current], self._clock, trace)
            self._record(writing, wanted.id, "pair added", institution=wanted.institution, by=by)

        await in_one_thread(self._database, body)

    async def end(
        self,
        id: str,
        decide: Callable[[Relationship, Situation], Decided[Relationship] | None],
        trace: Trace,
        *,
        institution: str,
        by: str,
    ) -> Relationship:
        def body(writing: Writing) -> Relationship:
            wanted = {"_id": id, "institutions": institution}
            document = writing[RELATIONSHIPS].find_one(wanted, session=writing.session)
            if document is None:
                raise LookupError(f"{RELATIONSHIPS}: {id} was seen and is gone")
            before = relationship_of(document)
            pair = before.pair
            current = situation(writing, pair.programme, mentee=pair.mentee.member, mentor=pair.mentor.member)
            decided = decide(before, current)
            if decided is None:
                writing.changes_nothing = True
                return before
            save_together(writing, [decided], [current], self._clock, trace)
            self._record(writing, id, "pair ended", institution=institution, by=by)
            return decided.state

        return await in_one_thread(self._database, body)

    def _record(self, writing: Writing, relationship: str, what: str, *, institution: str, by: str) -> None:
        entry = {"when": self._clock.now(), "who": by, "what": what, "relationship": relationship}
        new = {"_id": self._clock.new_id(), "institution": institution, **entry}
        writing[AUDIT].insert_one(new, session=writing.session)


def _are_together(writing: Writing, wanted: WantedPair) -> bool:
    pair = {"programme": wanted.programme, "mentee.member": wanted.mentee, "mentor.member": wanted.mentor}
    found = writing[RELATIONSHIPS].find_one({**pair, **OPEN}, {"_id": 1}, session=writing.session)
    return found is not None
