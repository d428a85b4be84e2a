"""What was handled comes again: groups set back to the topics' beginning, and facts appended a second time."""

import signal
from collections.abc import Iterable

import pytest
from aiokafka import AIOKafkaProducer

from tests.crash.outside import GROUPS, Seen, reset_offsets
from tests.crash.site import CrashSite

pytestmark = pytest.mark.timeout(240)
_GROUPS_OF = {
    service: [group for group in GROUPS if group.startswith(service)] for service in ("matching", "notifications")
}


async def append(site: CrashSite, topic: str, records: Iterable[Seen]) -> None:
    """Once more, as they were."""
    async with AIOKafkaProducer(bootstrap_servers=site.cluster.stack.bootstrap) as producer:
        for record in records:
            await producer.send_and_wait(
                topic,
                key=record.key.encode(),
                value=record.value.encode(),
                headers=list(record.headers),
                partition=record.partition,
            )


@pytest.mark.full
@pytest.mark.parametrize("service", _GROUPS_OF)
async def test_every_record_delivered_again_changes_nothing(crashes: CrashSite, service: str) -> None:
    await crashes.world.turn()
    assert not await crashes.settles()
    await crashes.cluster.end(crashes.cluster.running[service])
    for group in _GROUPS_OF[service]:
        await reset_offsets(crashes.cluster.stack.bootstrap, group)
    await crashes.cluster.start(service).ready()
    await crashes.assert_settles(f"all records delivered to {service} again")


async def test_facts_appended_a_second_time_have_no_second_effect(crashes: CrashSite) -> None:
    assert not await crashes.settles()
    seen = await crashes.look()
    await append(crashes, "matching.events", seen.records["matching.events"])
    await crashes.world.turn()
    await crashes.assert_settles("every fact of matching.events appended a second time")


@pytest.mark.full
@pytest.mark.parametrize("topic", ["profiles.members", "profiles.contacts"])
async def test_the_next_relay_republishes_over_an_outdated_head(crashes: CrashSite, topic: str) -> None:
    for _ in crashes.world.mentees:
        await crashes.world.turn()
    assert not await crashes.settles()
    first = {record.key: record for record in (await crashes.look()).records[topic][::-1]}
    await append(crashes, topic, first.values())
    assert await crashes.wrong()

    await (await crashes.cluster.restart("profiles", by=signal.SIGKILL)).ready()

    await crashes.assert_settles(f"first states of {topic} appended again behind newer ones, profiles.relay killed")
