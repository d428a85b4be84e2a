"""Places settled: as a request is accepted, in one transaction with the seat, the relationship and the facts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from services.matching.domain.requests import Situation
from services.matching.domain.rounds.life import Round
from services.matching.domain.rounds.places import UNSETTLED, Place, PlaceState
from services.matching.store.pairs import OPEN, RELATIONSHIPS
from services.matching.store.places import PLACES, of_edition, place_of
from services.matching.store.requests import RequestStore
from services.matching.store.rounds import ROUNDS, counted, document_of, edition_of, round_of
from services.matching.usecases.publishing import Settle
from shared import outbox
from shared.contracts.envelope import Trace
from shared.contracts.matching import RoundPublished
from shared.errors import StaleVersion
from shared.mongo import ASCENDING, DESCENDING, Session, in_transaction


class Register(RequestStore):
    async def to_publish(self) -> Sequence[Round]:
        return [round_of(one) async for one in self._database[ROUNDS].find({"state": "publishing"})]

    async def unsettled(self, round: Round, *, limit: int) -> Sequence[Place]:
        wanted = {**of_edition(edition_of(round)), "state": {"$in": list(UNSETTLED)}}
        found = self._database[PLACES].find(wanted).sort([("state", DESCENDING), ("_id", ASCENDING)]).limit(limit)
        return [place_of(one) async for one in found]

    async def settle(self, place: Place, settle: Settle, trace: Trace) -> None:
        async def body(session: Session) -> None:
            document = await self._database[PLACES].find_one({"_id": place.id}, session=session)
            if document is None:
                raise LookupError(f"place {place.id} was seen and is gone")
            situation = await self._round_situation(place, session)
            decided = settle(place_of(document), situation)
            both = [one for one in (situation.mentee, situation.mentor) if one is not None]
            await self._take_seats(decided, both, session)
            await self._take_turns(situation.policy, decided, session)
            await self._write(decided, trace, session, bulk=True)

        await in_transaction(self._database, body)

    async def counts(self, round: Round) -> Mapping[PlaceState, int]:
        return await counted(self._database, round)

    async def finish(self, round: Round, event: RoundPublished, *, now: datetime) -> None:
        async def body(session: Session) -> None:
            known = {"_id": round.id, "version": round.version - 1}
            done = await self._database[ROUNDS].replace_one(known, document_of(round), session=session)
            if not done.matched_count:
                raise StaleVersion(found=0, expected=round.version - 1)
            fact = outbox.Fact(
                id=self._clock.new_id(),
                payload=event,
                institution=round.institution,
                sequence=round.version,
                time=now,
                trace=Trace(correlation_id=round.correlation),
            )
            await outbox.append(self._database, session, [fact])

        await in_transaction(self._database, body)

    async def _round_situation(self, place: Place, session: Session) -> Situation:
        mentee, mentor = place.mentee.member, place.mentor.member if place.mentor else place.mentee.member
        situation = await self._situation(place.programme, mentee, mentor, session)
        engaged = {"mentee.member": mentee, "programme": place.programme, **OPEN}
        is_engaged = await self._database[RELATIONSHIPS].find_one(engaged, {"_id": 1}, session=session) is not None
        rivals = await self._pending({"mentor.member": mentor}, session) if situation.is_last_seat else ()
        return replace(situation, is_engaged=is_engaged, rivals=rivals)
