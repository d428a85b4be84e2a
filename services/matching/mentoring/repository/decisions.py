"""Saves decisions: each state conditional on its version, each seat on being free, each event as an outbox row.

Runs in the caller's transaction and thread. A member's document in `seats` counts the seats that their mentees take.
Transactions that must not run concurrently for a member (request, accept, depart) all write to it, so that one of them
conflicts, is retried, and sees the other's writes.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.matching.kernel.pairs import DisplacementCause
from services.matching.kernel.participants import Person
from services.matching.mentoring.domain.displacements import Displacement
from services.matching.mentoring.domain.relationships import Relationship
from services.matching.mentoring.domain.requests import Request, Situation
from services.matching.mentoring.repository.ceilings import EXCHANGES, ceiling_writes
from services.matching.mentoring.repository.displacements import displace
from services.matching.mentoring.repository.pairs import RELATIONSHIPS, REQUESTS, SEATS, pair_write
from services.matching.mentoring.repository.waiting_list import leave
from services.matching.mentoring.usecases.parties import AnyDecided
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.contracts.payload import Payload
from shared.errors import StaleVersion
from shared.mongo import BulkWriteError, Document, InsertOne, ReplaceOne, Transaction, UpdateOne, duplicates_in
from shared.outbox import table as outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Save:
    """The write of a new state, conditional on the previous version, and the event to publish."""

    collection: str
    write: InsertOne[Document] | ReplaceOne[Document] | UpdateOne
    event: Payload | None
    event_id: str
    institution: str
    """The mentee's institution, under which the event is published."""
    version: int


def save_together(  # noqa: PLR0913 -- one transaction's decisions, and what they were made on
    transaction: Transaction,
    decided: Sequence[AnyDecided],
    situations: Sequence[Situation],
    clock: Clock,
    trace: Trace,
    *,
    beside: Sequence[Person] = (),
    further: Sequence[Save] = (),
    bulk: bool = False,
) -> None:
    """Saves decisions made on these situations. Locks the people in them, and those in `beside`, until the transaction
    ends. `further` are states of another slice, decided on the same situations.
    """
    people = [
        *(person for situation in situations for person in (situation.mentee, situation.mentor) if person is not None),
        *beside,
    ]
    take_seats(transaction, decided, people)
    _write_ceilings(transaction, decided, situations)
    save(transaction, decided, clock, trace, further=further, bulk=bulk)
    _leave_waiting_list(transaction, decided, situations)


def take_seats(transaction: Transaction, decided: Sequence[AnyDecided], people: Sequence[Person]) -> None:
    """Takes or frees each mentor's seats by one conditional write. Locks `people` even where they take no seat."""
    seats: Counter[str] = Counter({person.id: 0 for person in people})
    institutions = {person.id: person.member.institution for person in people}
    for decision in decided:
        if decision.seats:
            mentor = decision.state.pair.mentor
            seats[mentor.member] += decision.seats
            institutions[mentor.member] = mentor.institution
    capacity = {person.id: person.member.capacity for person in people}
    writes = [
        _seat_write(member, taken, institution=institutions[member], capacity=capacity.get(member, 0))
        for member, taken in sorted(seats.items())
    ]
    if writes:
        write_all(transaction, SEATS, writes)


def _write_ceilings(transaction: Transaction, decided: Sequence[AnyDecided], situations: Iterable[Situation]) -> None:
    """Serializes transactions that take seats below the same ceiling; each situation's policy has its exchange."""
    policies = [situation.policy for situation in situations if situation.policy is not None]
    if writes := ceiling_writes(policies, decided):
        write_all(transaction, EXCHANGES, writes)


def save(
    transaction: Transaction,
    decided: Sequence[AnyDecided],
    clock: Clock,
    trace: Trace,
    *,
    further: Sequence[Save] = (),
    bulk: bool = False,
) -> None:
    now = clock.now()
    saves = [*(_save_of(decision, event_id=clock.new_id(), trace=trace) for decision in decided), *further]
    written: defaultdict[str, list[Any]] = defaultdict(list)
    for each in saves:
        written[each.collection].append(each.write)
    for name, writes in written.items():
        write_all(transaction, name, writes)
    displace(
        transaction,
        [_displacement(decision, decision.displaces, now) for decision in decided if decision.displaces is not None],
    )
    outbox.write(transaction, [fact for each in saves for fact in _facts(each, now=now, trace=trace, bulk=bulk)])


def _leave_waiting_list(
    transaction: Transaction, decided: Sequence[AnyDecided], situations: Iterable[Situation]
) -> None:
    """Removes mentees whose relationship was opened from the waiting list."""
    waiting = {situation.mentee.id for situation in situations if situation.is_waiting and situation.mentee}
    begun = [
        decision.state.pair
        for decision in decided
        if isinstance(decision.state, Relationship) and decision.state.version == 1
    ]
    for pair in begun:
        if pair.mentee.member in waiting:
            leave(transaction, pair.mentee.member, pair.programme)


def write_all(transaction: Transaction, name: str, writes: Sequence[Any]) -> None:
    """Raises `StaleVersion` unless every write matched its condition."""
    try:
        done = transaction[name].bulk_write(list(writes), ordered=False, session=transaction.session)
    except BulkWriteError as failed:
        if not duplicates_in(failed):
            raise
        raise StaleVersion(found=0, expected=len(writes)) from None
    written = done.matched_count + done.inserted_count + done.upserted_count
    if written != len(writes):
        raise StaleVersion(found=written, expected=len(writes))


def seat_lock(member: str, *, institution: str) -> UpdateOne:
    """Takes no seat, but locks the member's document until the transaction ends."""
    return _seat_write(member, 0, institution=institution, capacity=0)


def _seat_write(member: str, taken: int, *, institution: str, capacity: int) -> UpdateOne:
    """Where no seat is left the condition does not match, and the upsert fails with a duplicate key."""
    free = {"taken": {"$lt": capacity}} if taken > 0 else {}
    new = {"institution": institution, "parties": [member]}
    return UpdateOne({"_id": member, **free}, {"$inc": {"taken": taken, "turns": 1}, "$setOnInsert": new}, upsert=True)


def _displacement(decided: AnyDecided, cause: DisplacementCause, now: datetime) -> Displacement:
    relationship = decided.state
    return Displacement(id=relationship.id, pair=relationship.pair, relationship=relationship.id, cause=cause, at=now)


def _save_of(decided: AnyDecided, *, event_id: str, trace: Trace) -> Save:
    state = decided.state
    return Save(
        collection=REQUESTS if isinstance(state, Request) else RELATIONSHIPS,
        write=pair_write(state, event=event_id, correlation=trace.correlation_id),
        event=decided.event,
        event_id=event_id,
        institution=state.pair.mentee.institution,
        version=state.version,
    )


def _facts(save: Save, *, now: datetime, trace: Trace, bulk: bool) -> list[outbox.OutboxEvent]:
    if save.event is None:
        return []
    return [
        outbox.OutboxEvent(
            id=save.event_id,
            payload=save.event,
            institution=save.institution,
            sequence=save.version,
            time=now,
            trace=trace,
            bulk=bulk,
        )
    ]
