"""Plans kept and carried out: a step in one transaction with its seats, relationships and facts, as an acceptance."""

from collections.abc import Sequence
from dataclasses import replace

from services.matching.kernel.participants import Policy
from services.matching.mentoring.domain.displacements import Displacement
from services.matching.mentoring.repository.decisions import save_together, write_all
from services.matching.mentoring.repository.displacements import DISPLACEMENTS, displace, displacement_of
from services.matching.mentoring.repository.pairs import OPEN, RELATIONSHIPS, SEATED, SEATS, relationship_of
from services.matching.mentoring.repository.situations import pending, person, situation
from services.matching.projections import people
from services.matching.projections.repository import PARTICIPANTS
from services.matching.repairs.domain.lifecycle import Move, Repair, Step
from services.matching.repairs.domain.steps import NOT_DISPLACED, RepairContext
from services.matching.repairs.repository.repairs import (
    REPAIRS,
    STEPS,
    changing,
    repair_of,
    replaced_in,
    step_document,
    step_of,
)
from services.matching.repairs.usecases.problem import Planned
from services.matching.repairs.worker import CarryOut
from shared import failpoints
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.contracts.matching import RepairApplied, RepairPlanned
from shared.mongo import ASCENDING, DESCENDING, Database, Document, ReturnDocument, Writing, in_one_thread
from shared.outbox import table as outbox


class MongoRepairWorkRepository:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def policy(self, programme: str) -> Policy | None:
        return await people.policy(self._database, programme)

    async def overfull(self) -> Sequence[str]:
        """Mentors who have more mentees than seats by now."""
        stages: list[Document] = [
            {"$match": {"taken": {"$gt": 0}}},
            {"$lookup": {"from": PARTICIPANTS, "localField": "_id", "foreignField": "_id", "as": "known"}},
            {"$match": {"known.status": "active", "known.erased": False}},
            {"$match": {"$expr": {"$gt": ["$taken", {"$ifNull": [{"$first": "$known.capacity"}, 0]}]}}},
            {"$project": {"_id": 1}},
        ]
        return [one["_id"] async for one in self._database[SEATS].aggregate(stages)]

    async def displace_newest(self, mentor: str) -> None:
        """Of an overfull mentor's mentees as many as are too many, the newest bond first."""

        def body(writing: Writing) -> None:
            known = person(writing, mentor)
            if known is None:
                return
            held = writing[RELATIONSHIPS].find({"mentor.member": mentor, **SEATED}, session=writing.session)
            bonds = list(held.sort([("at", DESCENDING), ("_id", DESCENDING)]))
            excess = [relationship_of(one) for one in bonds[: max(0, known.taken - known.member.capacity)]]
            now = self._clock.now()
            lost = [
                Displacement(id=one.id, pair=one.pair, relationship=one.id, cause="capacity_lowered", at=now)
                for one in excess
            ]
            displace(writing, lost)

        await in_one_thread(self._database, body)

    async def new_in(self) -> Sequence[str]:
        """Programmes in which somebody was displaced whom no plan has seen."""
        return sorted(await self._database[DISPLACEMENTS].distinct("programme", {"planned": False}))

    async def approved(self) -> Sequence[Repair]:
        return [repair_of(one) async for one in self._database[REPAIRS].find({"state": "approved"})]

    async def next_to_plan(self) -> Repair | None:
        document = await self._database[REPAIRS].find_one_and_update(
            {"state": "planning"},
            {"$inc": {"attempts": 1}},
            sort=[("attempts", ASCENDING), ("at", ASCENDING)],
            return_document=ReturnDocument.AFTER,
        )
        return repair_of(document) if document else None

    async def open_in(self, programme: str) -> Repair | None:
        document = await self._database[REPAIRS].find_one({"programme": programme, "is_open": True})
        return repair_of(document) if document else None

    async def give_up(self, programme: str) -> None:
        """A programme that is no more."""
        await self._database[DISPLACEMENTS].delete_many({"programme": programme})

    async def propose(self, repair: Repair, planned: Planned, seen: Sequence[str], event: RepairPlanned | None) -> None:
        def body(writing: Writing) -> None:
            session = writing.session
            replaced_in(writing, repair)
            writing[STEPS].delete_many({"repair": repair.id}, session=session)
            if planned.steps:
                writing[STEPS].insert_many([step_document(one, repair) for one in planned.steps], session=session)
            lost = writing[DISPLACEMENTS]
            lost.update_many({"_id": {"$in": list(seen)}}, {"$set": {"planned": True}}, session=session)
            lost.delete_many({"_id": {"$in": list(planned.void)}}, session=session)
            self._tell(writing, repair, event)

        failpoints.reach("before-save")
        await in_one_thread(self._database, body)

    async def planned_steps(self, repair: Repair, *, limit: int) -> Sequence[Step]:
        found = self._database[STEPS].find({"repair": repair.id, "state": "planned"}).sort("_id", ASCENDING)
        return [step_of(one) async for one in found.limit(limit)]

    async def carry_out(self, repair: Repair, step: Step, carry: CarryOut, trace: Trace) -> None:
        def body(writing: Writing) -> None:
            session = writing.session
            known = writing[STEPS].find_one({"_id": step.id}, session=session)
            if known is None:
                raise LookupError(f"step {step.id} was seen and is gone")
            before = step_of(known)
            lost = writing[DISPLACEMENTS].find_one({"_id": step.displacement}, session=session)
            contexts = [_context(writing, repair.programme, move) for move in before.moves]
            after, decided = carry(before, contexts, displacement_of(lost) if lost else None)
            if after is before:
                return
            left = [context.before for context in contexts if context.before is not None]
            situations = [context.situation for context in contexts]
            save_together(writing, decided, situations, self._clock, trace, beside=left)
            write_all(writing, STEPS, [changing(after)])
            if after.state == "applied" or after.reason == NOT_DISPLACED:
                writing[DISPLACEMENTS].delete_one({"_id": step.displacement}, session=session)

        await in_one_thread(self._database, body)

    async def outcome(self, repair: Repair) -> tuple[int, int]:
        """How many of the displaced were placed, and how many bystanders moved for that."""
        steps = self._database[STEPS].find({"repair": repair.id, "state": "applied"}, {"moves": 1})
        moves = [len(one["moves"]) async for one in steps]
        return len(moves), sum(moves) - len(moves)

    async def finish(self, repair: Repair, event: RepairApplied) -> None:
        """Who is left behind goes first the next time."""

        def body(writing: Writing) -> None:
            replaced_in(writing, repair)
            behind = {"repair": repair.id, "state": {"$in": ["left", "lapsed"]}}
            left = writing[STEPS].distinct("displacement", behind, session=writing.session)
            again = {"$inc": {"left_before": 1}}
            writing[DISPLACEMENTS].update_many({"_id": {"$in": left}}, again, session=writing.session)
            self._tell(writing, repair, event)

        await in_one_thread(self._database, body)

    def _tell(self, writing: Writing, repair: Repair, event: RepairPlanned | RepairApplied | None) -> None:
        if event is None:
            return
        fact = outbox.Fact(
            id=self._clock.new_id(),
            payload=event,
            institution=repair.institution,
            sequence=repair.version,
            time=self._clock.now(),
            trace=Trace(correlation_id=repair.correlation),
        )
        outbox.write(writing, [fact])


def _context(writing: Writing, programme: str, move: Move) -> RepairContext:
    mentee, mentor, session = move.mentee.member, move.mentor.member, writing.session
    two = situation(writing, programme, mentee=mentee, mentor=mentor)
    left = writing[RELATIONSHIPS].find_one({"_id": move.leaves}, session=session) if move.leaves else None
    leaves = relationship_of(left) if left else None
    before = person(writing, leaves.pair.mentor.member) if leaves else None
    is_kept = leaves is not None and leaves.takes_seat
    beside = {"mentee.member": mentee, "programme": programme, **OPEN, "_id": {"$ne": move.leaves}}
    another = None if is_kept else writing[RELATIONSHIPS].find_one(beside, {"_id": 1}, session=session)
    rivals = pending(writing, {"mentor.member": mentor}) if two.is_last_seat else ()
    two = replace(two, is_engaged=another is not None, rivals=rivals)
    return RepairContext(move=move, situation=two, leaves=leaves, before=before)
