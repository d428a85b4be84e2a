"""A stall as aiokafka makes it: fetching ends without a word, heartbeats go on. The process says that it is stalled."""

import gc
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from deploy.issuer import LocalIssuer
from services.notifications.app import NAME
from tests.component.conftest import Plumbing
from tests.component.consuming import record, send, suggestions
from tests.component.notifications_kit import Notifications, serving, settings
from tests.eventually import eventually

REACTION = f"{NAME}.reaction"


def stop_fetching(group: str) -> None:
    """Of this process's consumer in that group; all else of it goes on."""
    consumers = [found for found in gc.get_objects() if type(found) is AIOKafkaConsumer]
    [consumer] = [consumer for consumer in consumers if consumer._group_id == group and consumer._closed is False]
    consumer._fetcher._fetch_task.cancel()


@pytest.fixture
async def consuming(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Notifications]:
    configured = settings(mongo_uri, kafka_bootstrap, issuer, stalled_after_seconds=2)
    async with serving(configured, issuer, "consumer") as running:
        yield running


async def test_a_service_whose_consumer_stopped_fetching_is_not_live_and_names_it(
    consuming: Notifications, plumbing: Plumbing, producer: AIOKafkaProducer, tenant: str
) -> None:
    async def is_named() -> bool:
        answer = await consuming.http.get("/health/live")
        return answer.status_code == 503 and list(answer.json()["wrong"]) == [REACTION]

    def fact(n: int) -> dict[str, object]:
        return record(plumbing, suggestions(tenant, "m", n), tenant, sequence=n)

    async def is_handled(n: int) -> bool:
        return await consuming.database["inbox"].count_documents({}) >= n

    await send(producer, [fact(1)])
    await eventually(lambda: is_handled(1), within=30, message="it consumes")
    assert (await consuming.http.get("/health/live")).status_code == 200
    stop_fetching(REACTION)
    for n in range(2, 10):  # to be sure that one comes after what was fetched before
        await send(producer, [fact(n)])
    await eventually(is_named, within=30, message="it says that it is stalled")
    assert (await consuming.http.get("/health/ready")).status_code == 200
