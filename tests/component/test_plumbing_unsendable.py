"""Facts that Kafka will not take: their keys are held, visibly, and nobody else's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from shared.errors import Rejected
from shared.outbox import table as outbox
from shared.outbox.gauges import OutboxGauges
from shared.outbox.publisher import OutboxPublisher, Publisher
from shared.outbox.table import OutboxEvent
from tests.component.conftest import Plumbing
from tests.component.sending import commit, fact, published, relay_of, topic_takes
from tests.eventually import eventually

_TOPIC = "profiles.institutions"
_LARGE = "x" * 50_000


@asynccontextmanager
async def running(relay: OutboxPublisher) -> AsyncIterator[None]:
    task = asyncio.create_task(relay.run())
    yield
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.fixture
def key(plumbing: Plumbing) -> str:
    return f"i-{plumbing.clock.new_id()}"


async def rows(plumbing: Plumbing, status: str) -> list[tuple[str, int]]:
    found = plumbing.database["outbox"].find({"status": status}).sort([("institution", 1), ("sequence", 1)])
    return [(row["institution"], row["sequence"]) async for row in found]


async def held(plumbing: Plumbing, expected: list[tuple[str, int]]) -> None:
    async def is_so() -> bool:
        return await rows(plumbing, "held") == expected and not await rows(plumbing, "pending")

    await eventually(is_so, within=30, message=f"nothing waits but {expected}, held")


def others(plumbing: Plumbing, key: str, count: int = 50) -> list[OutboxEvent]:
    """Enough that every partition has some of them."""
    return [fact(plumbing, f"{key}-{plumbing.clock.new_id()}", 1) for _ in range(count)]


async def test_a_fact_that_kafka_refuses_holds_up_its_own_key_alone_until_the_limit_is_raised(
    plumbing: Plumbing, publisher: Publisher, kafka_bootstrap: str, key: str
) -> None:
    async with topic_takes(kafka_bootstrap, _TOPIC, max_message_bytes="40000"), running(relay_of(plumbing, publisher)):
        series = [fact(plumbing, key, n, name=_LARGE if n == 2 else "St Elsewhere") for n in (1, 2, 3)]
        await commit(plumbing, [*series, *others(plumbing, key)])
        await held(plumbing, [(key, 2), (key, 3)])
        await commit(plumbing, [fact(plumbing, key, 4), *others(plumbing, key)])
        await held(plumbing, [(key, 2), (key, 3), (key, 4)])
        await OutboxGauges(plumbing.database, plumbing.clock, plumbing.metrics).measure()
        assert _gauge(plumbing) == 3.0, "operators see that three are held"
    # The next leader tries immediately; a leader that stays would within a minute.
    async with running(relay_of(plumbing, publisher)):
        await held(plumbing, [])
    records = await published(kafka_bootstrap, _TOPIC, {key}, 4)
    assert [int(dict(record.headers)["ce_sequence"]) for record in records] == [1, 2, 3, 4]


def _gauge(plumbing: Plumbing) -> float | None:
    return plumbing.metrics.registry.get_sample_value("preceptor_outbox_held_facts")


async def test_a_fact_beyond_the_producers_own_limit_holds_up_its_own_key_alone(
    plumbing: Plumbing, publisher: Publisher, key: str
) -> None:
    """As a version without the outbox's limit may have left it."""
    large = outbox._row(fact(plumbing, key, 1, name="x" * 2_000_000))
    await plumbing.database["outbox"].insert_one(large)
    await commit(plumbing, [fact(plumbing, key, 2), *others(plumbing, key)])

    async with running(relay_of(plumbing, publisher)):
        await held(plumbing, [(key, 1), (key, 2)])


async def test_a_state_too_large_to_be_published_is_not_committed(plumbing: Plumbing, key: str) -> None:
    with pytest.raises(Rejected, match="at most"):
        await commit(plumbing, [fact(plumbing, key, 1), fact(plumbing, key, 2, name="x" * 2_000_000)])
    assert await rows(plumbing, "pending") == []
