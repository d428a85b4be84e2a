"""Kafka or a MongoDB is killed, stopped or out of disk, and restarted while commands go on; the services wait."""

import asyncio
import signal

import pytest

from deploy import processes
from deploy.stack.model import SERVICES
from tests.conftest import missing
from tests.crash.site import CrashSite
from tests.eventually import eventually

pytestmark = pytest.mark.timeout(240)


async def begun_again(site: CrashSite, name: str, by: signal.Signals) -> None:
    if not site.is_native:
        missing("only native servers can be killed and restarted where they were: needs Java 17 and Maven")
    async with site.under_way():
        await asyncio.gather(site.cluster.again(name, by=by), site.world.turn())
        await site.servers_answer()


@pytest.mark.full
@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGKILL], ids=lambda by: by.name)
async def test_a_broker_s_restart_loses_and_doubles_nothing(crashes: CrashSite, by: signal.Signals) -> None:
    await begun_again(crashes, "kafka", by)
    await crashes.assert_settles(f"Kafka stopped by {by.name} and restarted")


@pytest.mark.full
@pytest.mark.parametrize("service", SERVICES)
async def test_a_mongod_killed_and_restarted_loses_and_doubles_nothing(crashes: CrashSite, service: str) -> None:
    await begun_again(crashes, f"mongod {SERVICES.index(service)}", signal.SIGKILL)
    await crashes.assert_settles(f"the mongod of {service} killed and restarted")


@pytest.mark.full
@pytest.mark.parametrize("service", SERVICES)
async def test_a_full_disk_loses_and_doubles_nothing_after_space_is_freed(crashes: CrashSite, service: str) -> None:
    if not crashes.is_native:
        missing("only a native mongod can be kept from writing: needs Java 17 and Maven")
    async with crashes.under_way():
        await disk_is_full_for_a_while(crashes, service)
    await crashes.assert_settles(f"the disk of {service}'s mongod is full, until there is room again")


async def disk_is_full_for_a_while(site: CrashSite, service: str) -> None:
    """Until the service has said that its store is away, and the store is back."""

    async def is_unready() -> bool:
        return not await asyncio.to_thread(processes.is_ready, site.cluster.addresses[service])

    async def reports_outage() -> None:
        await eventually(is_unready, within=30, message=f"{service} says that its store is away")

    await site.cluster.again_when_there_is_room(f"mongod {SERVICES.index(service)}", while_ended=reports_outage)
    await site.servers_answer()
