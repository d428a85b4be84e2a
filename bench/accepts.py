"""Acceptances with many in flight, each with its decision, seat and events in one transaction."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from bench.figures import Figure
from bench.site import BenchmarkContext
from services.matching.mentoring.repository.requests import MongoMentoringRepository
from services.matching.mentoring.usecases.requests import RequestMentor, Requests
from services.matching.projections.repository import ProjectedDocuments
from shared.contracts.envelope import Envelope, Received, Trace
from shared.contracts.payload import Payload
from shared.contracts.profiles import (
    Enrolment,
    InstitutionChanged,
    MemberChanged,
    PreferencesChanged,
    ProgrammeChanged,
    Role,
)
from shared.errors import Conflict
from shared.mongo import Database, Transaction, ensure_indexes, in_transaction
from shared.outbox import table as outbox
from shared.principal import Principal

_HOME, _PROGRAMME = "bench", "accepts"
_IN_FLIGHT = 200
_MENTORS, _SEATS = 300, 5
_TRACE = Trace(correlation_id="bench")


async def accepts(context: BenchmarkContext) -> list[Figure]:
    database = context.database("matching", service="matching")
    requests = await _begin(context, database)
    crowd = [f"crowd-{n:04}" for n in range(_IN_FLIGHT)]
    mentees = [f"mentee-{n:04}" for n in range(_MENTORS * _SEATS)]
    mentors = [f"mentor-{n:04}" for n in range(_MENTORS)]
    await _join(context, database, [*crowd, *mentees], role="mentee", capacity=0)
    await _join(context, database, mentors, role="mentor", capacity=_SEATS)
    await _join(context, database, ["last-seat"], role="mentor", capacity=1)
    wanted = dict.fromkeys(crowd, "last-seat") | {mentee: mentors[n % _MENTORS] for n, mentee in enumerate(mentees)}
    asked = await _asked(requests, wanted)
    last = await rate(context, [_accept(requests, asked[mentee], "last-seat") for mentee in crowd])
    spread = await rate(context, [_accept(requests, asked[mentee], wanted[mentee]) for mentee in mentees])
    bare = await rate(context, await _bare(database, [wanted[mentee] for mentee in mentees]))
    return [
        Figure(
            name="answers to 200 acceptances of one last seat",
            value=last,
            unit="answers/s",
            better="higher",
            note="one is accepted, 199 are refused because no seat is left",
        ),
        Figure(
            name="acceptances, 200 in flight",
            value=spread,
            unit="accepts/s",
            bar=300,
            better="higher",
            note=f"{len(mentees):,} by {_MENTORS} mentors of {_SEATS} seats, each in a transaction that opens a "
            "relationship and tells two facts; one process, without HTTP",
        ),
        Figure(
            name="bare seats, 200 in flight",
            value=bare,
            unit="transactions/s",
            better="higher",
            note="what acceptances cannot be faster than: one conditional write and two inserts, nothing read",
        ),
    ]


async def _begin(context: BenchmarkContext, database: Database) -> Requests:
    store = MongoMentoringRepository(database, context.clock)
    await outbox.prepare(database)
    await _copies(database).prepare()
    await store.prepare()
    home = InstitutionChanged(institution=_HOME, name=_HOME, status="active")
    programme = ProgrammeChanged(
        programme=_PROGRAMME, institution=_HOME, name=_PROGRAMME, status="active", admits=(_HOME,), weights={}
    )
    copies = _copies(database)
    await copies.fold_institutions([_received(context, home)])
    await copies.fold_programmes([_received(context, programme)])
    return Requests(store, context.clock)


def _copies(database: Database) -> ProjectedDocuments:
    return ProjectedDocuments(database)


def _received(context: BenchmarkContext, payload: Payload) -> Received:
    envelope = Envelope(
        id=context.clock.new_id(),
        type=payload.TYPE,
        institution=_HOME,
        subject=payload.aggregate,
        sequence=1,
        time=context.clock.now(),
        trace=_TRACE,
    )
    return Received(envelope, payload)


async def _join(
    context: BenchmarkContext, database: Database, ids: Sequence[str], *, role: Role, capacity: int
) -> None:
    members = [
        MemberChanged(
            member=id,
            institution=_HOME,
            status="active",
            enrolments=(Enrolment(programme=_PROGRAMME, roles=(role,)),),
            topics_wanted=("teaching",),
            languages=("en",),
            formats=("video",),
            hours_per_month=4,
            capacity=capacity,
        )
        for id in ids
    ]
    wishes = [PreferencesChanged(member=id, institution=_HOME, subject_hash=id) for id in ids]
    await _copies(database).fold_members([_received(context, member) for member in members])
    await _copies(database).fold_preferences([_received(context, wish) for wish in wishes])


def _me(id: str) -> Principal:
    return Principal(subject_hash=id, institution=_HOME, roles=frozenset({"member"}))


async def _asked(requests: Requests, wanted: dict[str, str]) -> dict[str, str]:
    """Request ids by mentee."""

    async def ask(mentee: str, mentor: str) -> None:
        asked = RequestMentor(id=f"request-{mentee}", programme=_PROGRAMME, mentor=mentor, message="")
        await requests.ask(_me(mentee), asked, mentee=mentee, trace=_TRACE)

    await in_flight([partial(ask, mentee, mentor) for mentee, mentor in wanted.items()])
    return {mentee: f"request-{mentee}" for mentee in wanted}


def _accept(requests: Requests, request: str, mentor: str) -> Callable[[], Awaitable[None]]:
    async def accept() -> None:
        try:
            await requests.accept(_me(mentor), request, expected=None, trace=_TRACE)
        except Conflict as refused:
            if refused.code != "no_seat_left":
                raise

    return accept


async def _bare(database: Database, mentors: Sequence[str]) -> list[Callable[[], Awaitable[None]]]:
    for name in ("floor-seats", "floor-a", "floor-b"):
        await ensure_indexes(database[name], [])
    await database["floor-seats"].insert_many([{"_id": mentor, "taken": 0} for mentor in sorted(set(mentors))])

    def body(mentor: str, transaction: Transaction) -> None:
        free = {"_id": mentor, "taken": {"$lt": _SEATS}}
        transaction["floor-seats"].update_one(free, {"$inc": {"taken": 1}}, session=transaction.session)
        for name in ("floor-a", "floor-b"):
            transaction[name].insert_one({"x": "x" * 300}, session=transaction.session)

    return [partial(in_transaction, database, partial(body, mentor)) for mentor in mentors]


async def rate(context: BenchmarkContext, work: Sequence[Callable[[], Awaitable[object]]]) -> float:
    began = context.clock.monotonic()
    await in_flight(work)
    return len(work) / (context.clock.monotonic() - began)


async def in_flight(work: Sequence[Callable[[], Awaitable[object]]]) -> None:
    bound = asyncio.Semaphore(_IN_FLIGHT)

    async def bounded(act: Callable[[], Awaitable[object]]) -> None:
        async with bound:
            await act()

    await asyncio.gather(*map(bounded, work))
