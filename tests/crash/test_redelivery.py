"""What was handled comes again: groups set back to the topics' beginning, and facts appended a second time."""

import pytest
from aiokafka import AIOKafkaProducer

from tests.crash.outside import GROUPS, set_back
from tests.crash.site import CrashSite

pytestmark = pytest.mark.timeout(240)
_GROUPS_OF = {
    service: [group for group in GROUPS if group.startswith(service)] for service in ("matching", "notifications")
}


@pytest.mark.full
@pytest.mark.parametrize("service", _GROUPS_OF)
async def test_every_record_delivered_again_changes_nothing(crashes: CrashSite, service: str) -> None:
    await crashes.world.turn()
    assert not await crashes.settles()
    await crashes.cluster.end(crashes.cluster.running[service])
    for group in _GROUPS_OF[service]:
        await set_back(crashes.cluster.stack.bootstrap, group)
    await crashes.cluster.start(service).ready()
    await crashes.assert_settles(f"all records delivered to {service} again")


async def test_facts_appended_a_second_time_have_no_second_effect(crashes: CrashSite) -> None:
    assert not await crashes.settles()
    seen = await crashes.look()
    async with AIOKafkaProducer(bootstrap_servers=crashes.cluster.stack.bootstrap) as producer:
        for record in seen.records["matching.events"]:
            await producer.send_and_wait(
                "matching.events",
                key=record.key.encode(),
                value=record.value.encode(),
                headers=list(record.headers),
                partition=record.partition,
            )
    await crashes.world.turn()
    await crashes.assert_settles("every fact of matching.events appended a second time")
