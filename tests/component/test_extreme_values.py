"""Any value in any field of any contract, through the real projections and reactions: applied or parked, and the next
record goes on.
"""

import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.matching.kernel.shards import SHARDS
from services.matching.mentoring.handlers import Reactions as MatchingReactions
from services.matching.mentoring.repository.requests import MongoMentoringRepository
from services.matching.projections.handlers import projection_handlers
from services.matching.projections.repository import PARTICIPANTS, ProjectedDocuments
from services.matching.suggestions.feed import STATES
from services.matching.suggestions.index.network import Network
from services.mentorships.lifecycle.handlers import Reactions as MentorshipReactions
from services.mentorships.projections.repository import MongoProjections
from services.mentorships.slices import carry_over, mentorships
from services.notifications.inbox.repository.inbox import MongoInboxRepository
from services.notifications.notifying.handlers import Reactions
from services.notifications.notifying.repository import MongoNotificationRepository
from services.notifications.notifying.usecases import AnyEvent, Notifier
from services.notifications.privacy.repository import MongoErasureRepository
from services.notifications.projections.repository import MongoContactRepository
from shared.clock import Clock, SystemClock
from shared.consuming.consumer import Consumers
from shared.consuming.parking import Record
from shared.consuming.projection import Refused, fold
from shared.consuming.reactions import Reaction
from shared.contracts.catalogue import EVENTS
from shared.contracts.matching import (
    AssessmentChanged,
    RelationshipClosed,
    RelationshipOpened,
    RelationshipPaused,
    RelationshipResumed,
    SuggestionsChanged,
)
from shared.contracts.mentorships import MentorshipEnded, MentorshipReturnDue
from shared.contracts.payload import Payload
from shared.contracts.profiles import ContactChanged, MemberChanged, MentoringProfileChanged
from shared.mongo import Database
from tests.component.conftest import Plumbing
from tests.component.consuming import Sent
from tests.contract.golden import golden

Handler = Callable[[Sequence[Record]], Awaitable[None]]
EXTREMES: tuple[Any, ...] = (
    *(0, -1, 2**31, 2**53, 2**63 - 1, 2**63, -(2**63) - 1, 2**70, 10**400, 1e300, float("inf")),
    *("", "\0", "a\0b", "\ud800", "$set", "a.b", "../../etc/passwd", "x" * 30_000, "0001-01-01T00:00:00+23:59"),
    *("9999-12-31T23:59:59-23:59", "2027-01-01", "\N{RIGHT-TO-LEFT OVERRIDE}x"),
    *([], {}, None, True, [None], [[]], {"$where": 1}, {"a\0b": 1}, {"a.b": 2**70}),
)
_LONG = 30_000


class Unsubscribed(Consumers):
    """The real consumers, whose records a test hands over itself."""

    handlers: list[Handler]

    def _subscribe(self, _payloads: Iterable[Any], _consumer: str, handle: Any, _fetching: Any) -> None:
        self.handlers = [*getattr(self, "handlers", []), handle]


def unsubscribed(plumbing: Plumbing, service: str) -> Unsubscribed:
    return Unsubscribed(
        plumbing.consumers._broker,
        plumbing.database,
        service=service,
        parking=plumbing.parking,
        clock=plumbing.clock,
        metrics=plumbing.metrics,
        watchdog=plumbing.watchdog,
    )


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for name, child in inner for place in places(child, (*at, name)))]


def put(value: Any, at: Sequence[Any], extreme: Any) -> Any:
    if not at:
        return [value] * _LONG if extreme == "many" else extreme
    copied = dict(value) if isinstance(value, dict) else list(value)
    copied[at[0]] = put(value[at[0]], at[1:], extreme)
    return copied


@st.composite
def changed_events(draw: st.DrawFn) -> tuple[str, tuple[Any, ...], Any]:
    event_type = draw(st.sampled_from(sorted(EVENTS)))
    at = draw(st.sampled_from(places(json.loads(golden(event_type).value))[1:]))
    return event_type, at, draw(st.sampled_from((*EXTREMES, "many")))


def renamed(value: Any, before: str, after: str) -> Any:
    if isinstance(value, dict):
        return {name: renamed(child, before, after) for name, child in value.items()}
    if isinstance(value, list):
        return [renamed(child, before, after) for child in value]
    return after if value == before else value


def record_of(event_type: str, at: Sequence[Any], extreme: Any, *, offset: int) -> Sent:
    """The golden event under a key of its own, with the extreme in that place."""
    event, id = golden(event_type), SystemClock().new_id()
    subject = event.headers["ce_subject"].decode()
    institution = event.headers["ce_institution"].decode()
    owner = id if institution == subject else institution
    value = put(renamed(json.loads(event.value), subject, id), at, extreme)
    headers = event.headers | {
        "ce_id": id.encode(),
        "ce_subject": id.encode(),
        "ce_institution": owner.encode(),
        "ce_source": event.headers["ce_source"].replace(institution.encode(), owner.encode()),
        "ce_partitionkey": f"{owner}:{id}".encode(),
    }
    return Sent(
        topic=event.topic,
        offset=offset,
        key=f"{owner}:{id}".encode(),
        value=json.dumps(value).encode(),
        headers=list(headers.items()),
    )


async def apply_all(plumbing: Plumbing, database: Database) -> list[Handler]:
    """Every projection and reaction of matching and notifications, and those of mentorships that share no collection
    with them.
    """
    store = MongoErasureRepository(database)
    await store.prepare()
    await MongoContactRepository(database).prepare()
    await MongoInboxRepository(database).prepare(read_kept=timedelta(days=1))
    matching, notifications = unsubscribed(plumbing, "matching"), unsubscribed(plumbing, "notifications")
    handled: list[Any] = []
    matching.projection(
        projection_handlers(ProjectedDocuments(database, on_applied=lambda _, documents: handled.extend(documents)))
    )
    notifications.projection({ContactChanged: store.fold_contacts})
    reactions = Reactions(Notifier(plumbing.clock), MongoNotificationRepository)
    events = [event for event in EVENTS.values() if issubclass(event, AnyEvent)]
    notifications.reaction(dict.fromkeys(events, reactions.on_event))
    matching.reaction(_of_mentorships(database, plumbing.clock))
    return [*matching.handlers, *notifications.handlers, *(await _mentorships(plumbing, database)).handlers]


def _of_mentorships(database: Database, clock: Clock) -> dict[type[Payload], Reaction]:
    """What matching does about mentorships."""
    reactions = MatchingReactions(MongoMentoringRepository(database, clock).change_within, clock)
    return {MentorshipEnded: reactions.on_mentorship_ended, MentorshipReturnDue: reactions.on_return_due}


async def _mentorships(plumbing: Plumbing, database: Database) -> Unsubscribed:
    consumers, repository = unsubscribed(plumbing, "mentorships"), mentorships(database, plumbing.clock)
    people = MongoProjections(database)
    await people.prepare()
    await repository.prepare()
    reactions = MentorshipReactions(repository, plumbing.clock, carry_over=carry_over(database, plumbing.clock))
    consumers.projection({MentoringProfileChanged: people.fold_people, AssessmentChanged: people.fold_assessments})
    consumers.reaction(
        {
            RelationshipOpened: reactions.on_opened,
            RelationshipPaused: reactions.on_paused,
            RelationshipResumed: reactions.on_resumed,
            RelationshipClosed: reactions.on_closed,
        }
    )
    return consumers


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(changed_events(), min_size=5, max_size=25))
async def test_an_extreme_value_stops_no_consumer_and_no_index(
    plumbing: Plumbing, drawn: list[tuple[str, tuple[Any, ...], Any]]
) -> None:
    database = plumbing.database
    handlers = await apply_all(plumbing, database)
    first = int(plumbing.clock.monotonic() * 1e6)
    records = [record_of(*parts, offset=first + n) for n, parts in enumerate(drawn)]
    good = record_of(MemberChanged.TYPE, ("paused",), False, offset=first + len(drawn))

    for handle in handlers:
        await handle([*records, good])

    assert good.key is not None
    copy = await database[PARTICIPANTS].find_one({"_id": good.key.decode().partition(":")[2]})
    assert copy is not None
    network = Network()
    network.hold(range(SHARDS))
    for name in ("institutions", "programmes", "preferences", PARTICIPANTS):
        async for document in database[name].find({"event": {"$exists": True}}):
            network.put(STATES[name](document))


async def test_what_only_the_store_refuses_is_traced_to_its_record_and_parked(plumbing: Plumbing) -> None:
    """Of a payload that no bound holds, as a later contract may have one."""
    consumers = unsubscribed(plumbing, "matching")
    copies = plumbing.database["copies"]

    async def fold_unbounded(received: Sequence[Any]) -> list[Refused]:
        unbounded = [
            replace(record, payload=record.payload.model_copy(update={"capacity": 2**70}))
            if record.payload.capacity == 13
            else record
            for record in received
        ]
        return await fold(copies, unbounded)

    consumers.projection({MemberChanged: fold_unbounded})
    capacities = [1, 13, 2, 13, *([3] * 20)]
    records = [record_of(MemberChanged.TYPE, ("capacity",), n, offset=at) for at, n in enumerate(capacities)]

    await consumers.handlers[0](records)

    assert await copies.count_documents({}) == len(capacities) - 2
    waiting = await plumbing.parking.waiting()
    assert [(parked.offset, parked.reason) for parked in waiting] == [(1, "value_refused"), (3, "value_refused")]


async def test_a_reaction_whose_value_the_store_refuses_is_parked_without_retries(plumbing: Plumbing) -> None:
    consumers = unsubscribed(plumbing, "notifications")
    consumers.reaction(
        {
            SuggestionsChanged: lambda _, transaction: transaction["x"].insert_one(
                {"n": 2**70}, session=transaction.session
            )
        }
    )
    await consumers.handlers[0]([record_of(SuggestionsChanged.TYPE, ("version",), 1, offset=1)])
    [waiting] = await plumbing.parking.waiting()
    assert (waiting.reason, waiting.retry_at, waiting.attempts) == ("value_refused", None, 1)


async def test_a_program_fault_in_a_projection_parks_its_record_only(plumbing: Plumbing) -> None:
    consumers = unsubscribed(plumbing, "matching")
    copies = plumbing.database["copies"]

    async def fold_with_fault(received: Sequence[Any]) -> list[Refused]:
        if any(record.payload.capacity == 13 for record in received):
            raise KeyError("a fault")
        return await fold(copies, received)

    consumers.projection({MemberChanged: fold_with_fault})
    records = [record_of(MemberChanged.TYPE, ("capacity",), n, offset=at) for at, n in enumerate([1, 13, 2])]
    await consumers.handlers[0](records)
    assert await copies.count_documents({}) == 2
    [waiting] = await plumbing.parking.waiting()
    assert (waiting.offset, waiting.reason) == (1, "handler_failed")


@pytest.mark.parametrize("header", ["ce_type", "ce_id", "key"])
async def test_an_attribute_of_a_megabyte_is_parked(plumbing: Plumbing, header: str) -> None:
    handlers = await apply_all(plumbing, plumbing.database)
    base = record_of(SuggestionsChanged.TYPE, ("version",), 1, offset=0)
    names = dict(base.headers)
    long = [replace(base, offset=n, headers=list({**names, header: b"1" * 900_000}.items())) for n in range(1, 20)]
    if header == "key":
        long = [replace(base, offset=n, key=b"k" * 900_000 + str(n).encode()) for n in range(1, 20)]
    for handle in handlers:
        await handle([*long, base])
    reasons = {parked.reason for parked in await plumbing.parking.waiting()}
    assert reasons <= {"bad_attributes"}
