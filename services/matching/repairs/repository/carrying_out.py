"""Saves plans and carries out their steps: each step in one transaction with its seats, relationships and events."""

from collections.abc import Sequence
from dataclasses import replace

from services.matching.jobs.repository import append_event
from services.matching.mentoring.domain.displacements import Displacement
from services.matching.mentoring.domain.relationships import Relationship
from services.matching.mentoring.domain.requests import Situation
from services.matching.mentoring.repository.decisions import save_together, write_all
from services.matching.mentoring.repository.displacements import DISPLACEMENTS, displace, displacement_of
from services.matching.mentoring.repository.pairs import RELATIONSHIPS, SEATED, SEATS, relationship_of
from services.matching.mentoring.repository.situations import pending, person, situation
from services.matching.projections.repository import PARTICIPANTS
from services.matching.repairs.domain.lifecycle import Move, Repair, Step
from services.matching.repairs.domain.steps import NOT_DISPLACED, RepairContext
from services.matching.repairs.repository.repairs import STEPS, changing, repair_jobs, step_document, step_of
from services.matching.repairs.usecases.problem import Planned
from services.matching.repairs.worker import CarryOut
from shared import failpoints
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.contracts.matching import RepairApplied, RepairPlanned
from shared.mongo import ASCENDING, DESCENDING, Database, Document, Transaction, in_transaction


class MongoRepairWorkRepository:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._jobs = repair_jobs(database)
        self._database = database
        self._clock = clock

    async def overfull(self) -> Sequence[str]:
        """Mentors who have more mentees than seats by now."""
        stages: list[Document] = [
            {"$match": {"taken": {"$gt": 0}}},
            {"$lookup": {"from": PARTICIPANTS, "localField": "_id", "foreignField": "_id", "as": "known"}},
            {"$match": {"known.status": "active", "known.erased": False}},
            {"$match": {"$expr": {"$gt": ["$taken", {"$ifNull": [{"$first": "$known.capacity"}, 0]}]}}},
            {"$project": {"_id": 1}},
        ]
        return [seats["_id"] async for seats in self._database[SEATS].aggregate(stages)]

    async def displace_newest(self, mentor: str) -> None:
        """Displaces the mentees of an overfull mentor who are too many, those of the newest relationships."""

        def body(transaction: Transaction) -> None:
            known = person(transaction, mentor)
            if known is None:
                return
            held = transaction[RELATIONSHIPS].find({"mentor.member": mentor, **SEATED}, session=transaction.session)
            newest = list(held.sort([("at", DESCENDING), ("_id", DESCENDING)]))
            excess = [relationship_of(document) for document in newest[: max(0, known.taken - known.member.capacity)]]
            now = self._clock.now()
            lost = [
                Displacement(id=bond.id, pair=bond.pair, relationship=bond.id, cause="capacity_lowered", at=now)
                for bond in excess
            ]
            displace(transaction, lost)

        await in_transaction(self._database, body)

    async def new_in(self) -> Sequence[str]:
        """Programmes that have a displaced mentee whom no plan includes yet."""
        return sorted(await self._database[DISPLACEMENTS].distinct("programme", {"planned": False}))

    async def forget(self, programme: str) -> None:
        """Deletes the displacements of a programme that does not exist any more."""
        await self._database[DISPLACEMENTS].delete_many({"programme": programme})

    async def propose(self, repair: Repair, planned: Planned, seen: Sequence[str], event: RepairPlanned | None) -> None:
        def body(transaction: Transaction) -> None:
            session = transaction.session
            self._jobs.replace(transaction, repair)
            transaction[STEPS].delete_many({"repair": repair.id}, session=session)
            if planned.steps:
                transaction[STEPS].insert_many([step_document(step, repair) for step in planned.steps], session=session)
            lost = transaction[DISPLACEMENTS]
            lost.update_many({"_id": {"$in": list(seen)}}, {"$set": {"planned": True}}, session=session)
            lost.delete_many({"_id": {"$in": list(planned.void)}}, session=session)
            self._append(transaction, repair, event)

        failpoints.reach("before-save")
        await in_transaction(self._database, body)

    async def planned_steps(self, repair: Repair, *, limit: int) -> Sequence[Step]:
        found = self._database[STEPS].find({"repair": repair.id, "state": "planned"}).sort("_id", ASCENDING)
        return [step_of(document) async for document in found.limit(limit)]

    async def carry_out(self, repair: Repair, step: Step, carry: CarryOut, trace: Trace) -> None:
        def body(transaction: Transaction) -> None:
            session = transaction.session
            known = transaction[STEPS].find_one({"_id": step.id}, session=session)
            if known is None:
                raise LookupError(f"step {step.id} was seen and is gone")
            before = step_of(known)
            lost = transaction[DISPLACEMENTS].find_one({"_id": step.displacement}, session=session)
            contexts = [_context(transaction, repair.programme, move) for move in before.moves]
            after, decided = carry(before, contexts, displacement_of(lost) if lost else None)
            if after is before:
                return
            left = [context.former_mentor for context in contexts if context.former_mentor is not None]
            situations = [context.situation for context in contexts]
            save_together(transaction, decided, situations, self._clock, trace, beside=left)
            write_all(transaction, STEPS, [changing(after)])
            if after.state == "applied" or after.reason == NOT_DISPLACED:
                transaction[DISPLACEMENTS].delete_one({"_id": step.displacement}, session=session)
            mentee = contexts[0].situation.mentee if contexts else None
            if after.state == "applied" and mentee is not None and mentee.member.mentors_wanted > 1:
                lost_too = {"programme": repair.programme, "mentee.member": step.mentee.member}
                transaction[DISPLACEMENTS].update_many(lost_too, {"$set": {"planned": False}}, session=session)

        await in_transaction(self._database, body)

    async def outcome(self, repair: Repair) -> tuple[int, int]:
        """Number of displaced mentees who were placed, and of bystanders who moved for that."""
        steps = self._database[STEPS].find({"repair": repair.id, "state": "applied"}, {"moves": 1})
        moves = [len(step["moves"]) async for step in steps]
        return len(moves), sum(moves) - len(moves)

    async def finish(self, repair: Repair, event: RepairApplied) -> None:
        """Mentees who are left behind come first in the next plan."""

        def body(transaction: Transaction) -> None:
            self._jobs.replace(transaction, repair)
            behind = {"repair": repair.id, "state": {"$in": ["left", "lapsed"]}}
            left = transaction[STEPS].distinct("displacement", behind, session=transaction.session)
            again = {"$inc": {"left_before": 1}}
            transaction[DISPLACEMENTS].update_many({"_id": {"$in": left}}, again, session=transaction.session)
            self._append(transaction, repair, event)

        await in_transaction(self._database, body)

    def _append(self, transaction: Transaction, repair: Repair, event: RepairPlanned | RepairApplied | None) -> None:
        if event is not None:
            now = self._clock.now()
            append_event(transaction, repair, event, correlation=repair.correlation, clock=self._clock, now=now)


def _context(transaction: Transaction, programme: str, move: Move) -> RepairContext:
    mentee, mentor = move.mentee.member, move.mentor.member
    wanted = {"_id": move.leaves}
    document = transaction[RELATIONSHIPS].find_one(wanted, session=transaction.session) if move.leaves else None
    ending = relationship_of(document) if document else None
    both = situation(transaction, programme, mentee=mentee, mentor=mentor)
    competing_requests = pending(transaction, {"mentor.member": mentor}) if both.is_last_seat else ()
    return RepairContext(
        move=move,
        situation=replace(both, mentors=_other_mentors(both, ending), competing_requests=competing_requests),
        ending=ending,
        former_mentor=person(transaction, ending.pair.mentor.member) if ending else None,
    )


def _other_mentors(both: Situation, ending: Relationship | None) -> int:
    """The mentee's mentors without the one whom the move leaves. A mentee who has a seat may move with any number of
    other mentors, because the move adds none.
    """
    if ending is None or not ending.is_open or both.mentee is None:
        return both.mentors
    others = both.mentors - 1
    return min(others, both.mentee.member.mentors_wanted - 1) if ending.takes_seat else others
