"""Kafka or a MongoDB is killed, or ended, and begun again under way; the services wait."""

import asyncio
import signal

import pytest

from deploy.stack.model import SERVICES
from tests.conftest import missing
from tests.crash.site import CrashSite

pytestmark = pytest.mark.timeout(240)


async def begun_again(site: CrashSite, name: str, by: signal.Signals) -> None:
    if not site.is_native:
        missing("only native servers can be killed and begun again where they were: needs Java 17 and Maven")
    async with site.under_way():
        await asyncio.gather(site.cluster.again(name, by=by), site.world.turn())
        await site.servers_answer()


@pytest.mark.full
@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGKILL], ids=lambda by: by.name)
async def test_a_broker_s_restart_loses_and_doubles_nothing(crashes: CrashSite, by: signal.Signals) -> None:
    await begun_again(crashes, "kafka", by)
    await crashes.assert_settles(f"Kafka ended by {by.name} and begun again")


@pytest.mark.full
@pytest.mark.parametrize("service", SERVICES)
async def test_a_mongod_killed_and_begun_again_loses_and_doubles_nothing(crashes: CrashSite, service: str) -> None:
    await begun_again(crashes, f"mongod {SERVICES.index(service)}", signal.SIGKILL)
    await crashes.assert_settles(f"the mongod of {service} killed and begun again")
