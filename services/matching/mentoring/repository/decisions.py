"""Decisions saved: each state on condition of its version, a seat on condition that it is free, one outbox row a fact.

In the caller's transaction, and its thread. A member's document in `seats` counts the seats that their mentees take.
Whatever must not happen at the same moment writes to it (asking, accepting, leaving), so that one of two such
transactions begins again and sees the other's work.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from services.matching.exchange.repository import EXCHANGES, turns
from services.matching.kernel.participants import Person
from services.matching.mentoring.domain.relationships import Relationship
from services.matching.mentoring.domain.requests import Request, Situation
from services.matching.mentoring.repository.pairs import RELATIONSHIPS, REQUESTS, replacing
from services.matching.mentoring.usecases.parties import AnyDecided
from services.matching.projections.people import SEATS
from services.matching.repairs.domain.displacements import Displacement, of_relationship
from services.matching.repairs.repository.displacements import displace
from services.matching.rounds.domain.assignments import Place
from services.matching.rounds.repository.assignments import PLACES, changing, seated
from shared.clock import Clock
from shared.contracts.envelope import Trace
from shared.errors import StaleVersion
from shared.mongo import BulkWriteError, UpdateOne, Writing, duplicates_in
from shared.outbox import table as outbox


def save_together(
    writing: Writing,
    decided: Sequence[AnyDecided],
    situations: Sequence[Situation],
    clock: Clock,
    trace: Trace,
    *,
    beside: Sequence[Person] = (),
    bulk: bool = False,
) -> None:
    """What was decided on these situations. Their people, and whoever is `beside`, are held in place meanwhile."""
    people = [*(one for two in situations for one in (two.mentee, two.mentor) if one is not None), *beside]
    take_seats(writing, decided, people)
    _take_turns(writing, decided, situations)
    save(writing, decided, clock, trace, bulk=bulk)
    _leave_waiting_list(writing, decided, situations)


def take_seats(writing: Writing, decided: Sequence[AnyDecided], both: Sequence[Person]) -> None:
    """A seat is taken by one write on condition that there is one. `both` are held in place, seats or not."""
    seats: Counter[str] = Counter({one.id: 0 for one in both})
    institutions = {one.id: one.member.institution for one in both}
    for one in decided:
        if one.seats and isinstance(one.state, Relationship):
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


def save(writing: Writing, decided: Sequence[AnyDecided], clock: Clock, trace: Trace, *, bulk: bool = False) -> None:
    now = clock.now()
    written: defaultdict[str, list[Any]] = defaultdict(list)
    facts: list[outbox.Fact] = []
    for one in decided:
        event = clock.new_id()
        name, write = _written(one.state, event=event, correlation=trace.correlation_id)
        written[name].append(write)
        facts += _fact(one, id=event, now=now, trace=trace, bulk=bulk)
    for name, writes in written.items():
        write_all(writing, name, writes)
    displace(writing, [one for each in decided for one in _displaced(each, now)])
    outbox.write(writing, facts)


def _leave_waiting_list(writing: Writing, decided: Sequence[AnyDecided], situations: Iterable[Situation]) -> None:
    """Whoever has a mentor now waits no more."""
    waiting = {one.mentee.id for one in situations if one.is_waiting and one.mentee}
    begun = [one.state.pair for one in decided if isinstance(one.state, Relationship) and one.state.version == 1]
    for pair in begun:
        if pair.mentee.member in waiting:
            seated(writing, pair.mentee.member, pair.programme)


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


def _displaced(one: AnyDecided, now: datetime) -> Iterator[Displacement]:
    if one.displaces is not None and isinstance(one.state, Relationship):
        yield of_relationship(one.state, one.displaces, now=now)


def _written(state: Request | Relationship | Place, *, event: str, correlation: str) -> tuple[str, Any]:
    """The collection, and the write on condition of the version before."""
    if isinstance(state, Place):
        return PLACES, changing(state)
    name = REQUESTS if isinstance(state, Request) else RELATIONSHIPS
    return name, replacing(state, event=event, correlation=correlation)


def _fact(one: AnyDecided, *, id: str, now: datetime, trace: Trace, bulk: bool) -> list[outbox.Fact]:
    if one.event is None:
        return []
    state = one.state
    mentee = state.mentee if isinstance(state, Place) else state.pair.mentee
    return [
        outbox.Fact(
            id=id,
            payload=one.event,
            institution=mentee.institution,
            sequence=state.version,
            time=now,
            trace=trace,
            bulk=bulk,
        )
    ]
