"""Meetings, calendars, due work after an outage and flash slots: the parts of mentorships that have a bar."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from bench.accepts import in_flight, rate
from bench.figures import Figure, percentile
from bench.site import BenchmarkContext
from services.mentorships.flash.domain import Slot
from services.mentorships.flash.repository import MongoFlashSlots
from services.mentorships.flash.usecases import FlashSlots
from services.mentorships.kernel.due import DueWorker
from services.mentorships.kernel.pairs import Decided, Pair, Party
from services.mentorships.lifecycle import domain as lifecycle
from services.mentorships.lifecycle.repository import MENTORSHIPS, MongoMentorships
from services.mentorships.meetings.api.calendar_files import calendar_file
from services.mentorships.meetings.domain import occurrences, series
from services.mentorships.meetings.domain.plans import Wanted, plan
from services.mentorships.meetings.domain.states import Series
from services.mentorships.meetings.usecases import Seen
from services.mentorships.projections.repository import MongoProjections
from shared.contracts.envelope import Envelope, Received, Trace
from shared.contracts.payload import Payload
from shared.contracts.profiles import Enrolment, MemberChanged, MentoringProfileChanged, ProgrammeChanged
from shared.mongo import Database
from shared.outbox import table as outbox
from shared.principal import Principal

_HOME, _PROGRAMME = "bench", "mentorships"
_TRACE = Trace(correlation_id="bench")
_NOW = datetime(2027, 1, 4, 9, tzinfo=UTC)
_DAY, _YEAR = timedelta(days=1), timedelta(days=365)
_RULES = ("FREQ=MONTHLY;BYDAY=1FR", "FREQ=WEEKLY;BYDAY=FR", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1")
_MENTORS, _SLOTS = 150, 10


async def calendars(context: BenchmarkContext) -> list[Figure]:
    """Without any server: the expansion of rules, and the file of a person with twenty series."""
    agreed = [_agreed(f"s{number}", _RULES[number % len(_RULES)]) for number in range(20)]
    years = [
        _milliseconds(context, partial(occurrences.between, each.in_force, {}, _NOW, _NOW + _YEAR)) for each in agreed
    ]
    seen = [Seen(series=each, side="mentee", people={}, now=_NOW) for each in agreed]
    feed = _milliseconds(context, partial(calendar_file, seen))
    return [
        Figure(name="a year of a rule, expanded, the slowest of three", value=max(years), unit="ms", bar=1),
        Figure(name="calendar of 20 series", value=feed, unit="ms", bar=30, note="written; read from MongoDB apart"),
    ]


async def due(context: BenchmarkContext, *, items: int = 100_000) -> list[Figure]:
    """After an outage all mentorships are due at once, while a mentee and a mentor book and cancel a slot."""
    database = context.database("mentorships", service="mentorships")
    mentorships = MongoMentorships(database, context.clock)
    await _begin(context, database)
    await mentorships.prepare()
    live = await _live(context, database)
    quiet = await _while(live, asyncio.sleep(10))
    await _all_due(context, mentorships, items)
    worker = DueWorker(mentorships, lifecycle.pass_time, context.clock)
    began = context.clock.monotonic()
    busy = await _while(live, worker.work())
    took = context.clock.monotonic() - began
    left = await database[MENTORSHIPS].count_documents({"silence": None})
    context.say(f"due: {items - left:,} of {items:,} in {took:,.0f} s")
    return [
        Figure(
            name="100,000 due items after an outage",
            value=took * 100_000 / items,
            unit="s",
            bar=300,
            note="" if items == 100_000 else f"extrapolated from {items:,}",  # noqa: PLR2004 -- the bar's own number
        ),
        Figure(
            name="a live command meanwhile, p99",
            value=1_000 * percentile(busy, 99),
            unit="ms",
            floor=1_000 * percentile(quiet, 99),
            bar=2,
            note=f"floor: without due work; in the process of the worker, {len(busy):,} bookings and cancellations",
        ),
    ]


async def bookings(context: BenchmarkContext) -> list[Figure]:
    database = context.database("mentorships", service="mentorships")
    await _begin(context, database)
    use = FlashSlots(MongoFlashSlots(database, context.clock), context.clock)
    slots = [id for mentor in range(_MENTORS) for id in await _offer(context, database, f"mentor-{mentor}", _SLOTS)]
    mentees = [f"mentee-{number}" for number in range(len(slots))]
    await _know(context, database, [f"mentor-{mentor}" for mentor in range(_MENTORS)] + mentees)

    async def book(slot: str, mentee: str) -> None:
        await use.book(_me(mentee), slot, question="", trace=_TRACE)

    pairs = zip(slots, mentees, strict=True)
    booked = await rate(context, [partial(book, slot, mentee) for slot, mentee in pairs])
    return [
        Figure(
            name="bookings of flash slots, 200 in flight",
            value=booked,
            unit="bookings/s",
            bar=300,
            better="higher",
            note=f"{len(slots):,} slots of {_MENTORS} mentors; one process, without HTTP",
        )
    ]


def _milliseconds(context: BenchmarkContext, act: Callable[[], object], *, times: int = 200) -> float:
    """The median."""
    took = []
    for _ in range(times):
        began = context.clock.monotonic()
        act()
        took.append(context.clock.monotonic() - began)
    return 1_000 * percentile(took, 50)


def _pair(mentee: str = "mentee", mentor: str = "mentor") -> Pair:
    of = {"mentee": mentee, "mentor": mentor}
    return Pair(programme=_PROGRAMME, **{side: Party(member=member, institution=_HOME) for side, member in of.items()})


def _agreed(id: str, rule: str) -> Series:
    first = {_RULES[2]: 29}.get(rule, 5)
    starts = datetime(2027, 1 if first > 7 else 2, first, 17)  # noqa: DTZ001, PLR2004 -- local; a date of the rule
    wanted = Wanted(starts=starts, zone="Europe/Berlin", minutes=45, rule=rule, skipped=(), place="Library", link="")
    proposed = series.propose(plan(wanted), id=id, mentorship="m", pair=_pair(), by="mentee", now=_NOW)
    return series.agree(proposed.state, by="mentor", now=_NOW).state


async def _begin(context: BenchmarkContext, database: Database) -> None:
    await outbox.prepare(database)
    await MongoProjections(database).prepare()
    await MongoFlashSlots(database, context.clock).prepare()
    programme = ProgrammeChanged(
        programme=_PROGRAMME, institution=_HOME, name=_PROGRAMME, status="active", admits=(_HOME,), weights={}
    )
    await MongoProjections(database).fold_programmes([_received(context, programme)])


async def _know(context: BenchmarkContext, database: Database, ids: Sequence[str]) -> None:
    people = [MentoringProfileChanged(member=id, institution=_HOME, name=id, subject_hash=id) for id in ids]
    await MongoProjections(database).fold_people([_received(context, person) for person in people])
    enrolled = (Enrolment(programme=_PROGRAMME, roles=("mentee", "mentor")),)
    members = [MemberChanged(member=id, institution=_HOME, status="active", enrolments=enrolled) for id in ids]
    await MongoProjections(database).fold_mentors([_received(context, member) for member in members])


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


def _me(id: str) -> Principal:
    return Principal(subject_hash=id, institution=_HOME, roles=frozenset({"member"}))


async def _offer(context: BenchmarkContext, database: Database, mentor: str, slots: int) -> list[str]:
    """Stores slots of twenty minutes, an hour apart."""
    now, minutes = context.clock.now(), 20
    new = [
        Slot(
            id=f"{mentor}.{number}",
            programme=_PROGRAMME,
            mentor=Party(member=mentor, institution=_HOME),
            admits=(_HOME,),
            starts_at=now + 10 * _DAY + number * timedelta(hours=1),
            minutes=minutes,
            topic="",
            link="",
        )
        for number in range(slots)
    ]
    store = MongoFlashSlots(database, context.clock)
    await in_flight([partial(store.add, Decided(state=slot), _TRACE) for slot in new])
    return [slot.id for slot in new]


async def _live(context: BenchmarkContext, database: Database) -> Callable[[], Awaitable[float]]:
    """Books a slot and cancels it: the seconds of one of the two commands."""
    await _know(context, database, ["mentor", "mentee"])
    [slot] = await _offer(context, database, "mentor", 1)
    use = FlashSlots(MongoFlashSlots(database, context.clock), context.clock)

    async def act() -> float:
        await use.cancel(_me("mentee"), slot, _TRACE)
        began = context.clock.monotonic()
        await use.book(_me("mentee"), slot, question="", trace=_TRACE)
        return context.clock.monotonic() - began

    await use.book(_me("mentee"), slot, question="", trace=_TRACE)
    return act


async def _while(act: Callable[[], Awaitable[float]], work: Coroutine[None, None, None]) -> list[float]:
    """Ten times a second until the work is done."""
    took: list[float] = []
    async with asyncio.TaskGroup() as tasks:
        working = tasks.create_task(work)
        while not working.done():
            took.append(await act())
            await asyncio.sleep(0.1)
    return took


async def _all_due(context: BenchmarkContext, mentorships: MongoMentorships, items: int) -> None:
    """Active mentorships whose people have not met for long."""
    long_ago = context.clock.now() - _YEAR
    begun = [
        lifecycle.begin(
            _pair(f"mentee-{number}", f"mentor-{number}"),
            id=f"m-{number}",
            introduction_days=0,
            opened_at=long_ago,
            now=long_ago,
        ).state
        for number in range(items)
    ]
    await in_flight([partial(mentorships.add, Decided(state=state), _TRACE) for state in begun])
