"""Decisions saved: each state on condition of its version, a seat on condition that it is free, one outbox row a fact.

In the caller's transaction, and its thread. A member's document in `seats` counts the seats that their mentees take.
Whatever must not happen at the same moment writes to it (asking, accepting, leaving), so that one of two such
transactions begins again and sees the other's work.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.matching.kernel.pairs import Displacing
from services.matching.kernel.participants import Person
from services.matching.mentoring.domain.displacements import Displacement
from services.matching.mentoring.domain.relationships import Relationship
from services.matching.mentoring.domain.requests import Request, Situation
from services.matching.mentoring.repository.ceilings import EXCHANGES, turns
from services.matching.mentoring.repository.displacements import displace
from services.matching.mentoring.repository.pairs import RELATIONSHIPS, REQUESTS, SEATS, replacing
from services.matching.mentoring.repository.waiting_list import leave
from services.matching.mentoring.usecases.parties import AnyDecided
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.contracts.payload import Payload
from shared.errors import StaleVersion
from shared.mongo import BulkWriteError, Document, InsertOne, ReplaceOne, UpdateOne, Writing, duplicates_in
from shared.outbox import table as outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Save:
    """A new state as it is written, on condition of the version before, and the event that tells of it."""

    collection: str
    write: InsertOne[Document] | ReplaceOne[Document] | UpdateOne
    event: Payload | None
    event_id: str
    institution: str
    """The mentee's: whose event it is."""
    version: int


def save_together(  # noqa: PLR0913 -- one transaction's decisions, and what they were made on
    writing: Writing,
    decided: Sequence[AnyDecided],
    situations: Sequence[Situation],
    clock: Clock,
    trace: Trace,
    *,
    beside: Sequence[Person] = (),
    further: Sequence[Save] = (),
    bulk: bool = False,
) -> None:
    """What was decided on these situations. Their people, and those `beside`, are held in place meanwhile. `further`
    states are saved with it: what another slice decided on the same situations.
    """
    people = [*(one for two in situations for one in (two.mentee, two.mentor) if one is not None), *beside]
    take_seats(writing, decided, people)
    _take_turns(writing, decided, situations)
    save(writing, decided, clock, trace, further=further, bulk=bulk)
    _leave_waiting_list(writing, decided, situations)


def take_seats(writing: Writing, decided: Sequence[AnyDecided], both: Sequence[Person]) -> None:
    """A seat is taken by one write on condition that there is one. `both` are held in place, seats or not."""
    seats: Counter[str] = Counter({one.id: 0 for one in both})
    institutions = {one.id: one.member.institution for one in both}
    for one in decided:
        if one.seats:
            mentor = one.state.pair.mentor
            seats[mentor.member] += one.seats
            institutions[mentor.member] = mentor.institution
    capacity = {one.id: one.member.capacity for one in both}
    writes = [
        _seated(member, taken, institution=institutions[member], capacity=capacity.get(member, 0))
        for member, taken in sorted(seats.items())
    ]
    if writes:
        write_all(writing, SEATS, writes)


def _take_turns(writing: Writing, decided: Sequence[AnyDecided], situations: Iterable[Situation]) -> None:
    """Where seats are taken below a ceiling, one after another; each situation knows its own exchange."""
    policies = [one.policy for one in situations if one.policy is not None]
    if writes := turns(policies, decided):
        write_all(writing, EXCHANGES, writes)


def save(
    writing: Writing,
    decided: Sequence[AnyDecided],
    clock: Clock,
    trace: Trace,
    *,
    further: Sequence[Save] = (),
    bulk: bool = False,
) -> None:
    now = clock.now()
    saves = [*(_save_of(one, event_id=clock.new_id(), trace=trace) for one in decided), *further]
    written: defaultdict[str, list[Any]] = defaultdict(list)
    for each in saves:
        written[each.collection].append(each.write)
    for name, writes in written.items():
        write_all(writing, name, writes)
    displace(writing, [_displacement(one, one.displaces, now) for one in decided if one.displaces is not None])
    outbox.write(writing, [fact for each in saves for fact in _fact(each, now=now, trace=trace, bulk=bulk)])


def _leave_waiting_list(writing: Writing, decided: Sequence[AnyDecided], situations: Iterable[Situation]) -> None:
    """Whoever has a mentor now waits no more."""
    waiting = {one.mentee.id for one in situations if one.is_waiting and one.mentee}
    begun = [one.state.pair for one in decided if isinstance(one.state, Relationship) and one.state.version == 1]
    for pair in begun:
        if pair.mentee.member in waiting:
            leave(writing, pair.mentee.member, pair.programme)


def write_all(writing: Writing, name: str, writes: Sequence[Any]) -> None:
    """Raises `StaleVersion` unless every condition held."""
    try:
        done = writing[name].bulk_write(list(writes), ordered=False, session=writing.session)
    except BulkWriteError as failed:
        if not duplicates_in(failed):
            raise
        raise StaleVersion(found=0, expected=len(writes)) from None
    written = done.matched_count + done.inserted_count + done.upserted_count
    if written != len(writes):
        raise StaleVersion(found=written, expected=len(writes))


def seated_none(member: str, *, institution: str) -> UpdateOne:
    """Takes no seat: it holds the member in place until the transaction ends."""
    return _seated(member, 0, institution=institution, capacity=0)


def _seated(member: str, taken: int, *, institution: str, capacity: int) -> UpdateOne:
    """Where no seat is left the condition misses, and the upsert meets the document that made it miss."""
    free = {"taken": {"$lt": capacity}} if taken > 0 else {}
    new = {"institution": institution, "parties": [member]}
    return UpdateOne({"_id": member, **free}, {"$inc": {"taken": taken, "turns": 1}, "$setOnInsert": new}, upsert=True)


def _displacement(decided: AnyDecided, cause: Displacing, now: datetime) -> Displacement:
    relationship = decided.state
    return Displacement(id=relationship.id, pair=relationship.pair, relationship=relationship.id, cause=cause, at=now)


def _save_of(decided: AnyDecided, *, event_id: str, trace: Trace) -> Save:
    state = decided.state
    return Save(
        collection=REQUESTS if isinstance(state, Request) else RELATIONSHIPS,
        write=replacing(state, event=event_id, correlation=trace.correlation_id),
        event=decided.event,
        event_id=event_id,
        institution=state.pair.mentee.institution,
        version=state.version,
    )


def _fact(save: Save, *, now: datetime, trace: Trace, bulk: bool) -> list[outbox.Fact]:
    if save.event is None:
        return []
    return [
        outbox.Fact(
            id=save.event_id,
            payload=save.event,
            institution=save.institution,
            sequence=save.version,
            time=now,
            trace=trace,
            bulk=bulk,
        )
    ]
