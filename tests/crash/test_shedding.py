"""Kafka answers nothing: changes are taken until the outbox is too old, then turned away, then taken again."""

import httpx
import pytest

from deploy.api_client import Refused
from tests.conftest import missing
from tests.crash.site import CrashSite
from tests.crash.world import INSTITUTION
from tests.eventually import eventually

pytestmark = pytest.mark.timeout(240)


async def turned_away(site: CrashSite) -> bool:
    """Whether a change that changes nothing is refused because the outbox is behind."""
    me = site.world.api.member(INSTITUTION, site.world.mentees[0])
    seen = await me.get("profiles", "/me")
    try:
        await me.patch("profiles", "/me", {"topics_wanted": seen.json()["topics_wanted"]}, etag=seen.headers["etag"])
    except Refused as refused:
        return (refused.status, refused.code) == (503, "outbox_behind")
    return False


async def test_writes_are_shed_during_an_outage_of_kafka_and_no_accepted_write_is_lost(
    crashes: CrashSite,
) -> None:
    if not crashes.is_native:
        missing("only a native Kafka can be frozen: needs Java 17 and Maven")
    async with crashes.cluster.configured("profiles", PROFILES_SHED_AFTER_SECONDS="1"):
        with crashes.cluster.frozen("kafka"):
            await crashes.world.turn()
            await eventually(lambda: turned_away(crashes), within=20, message="a change is turned away")
            async with httpx.AsyncClient(base_url=crashes.cluster.addresses["profiles"]) as client:
                for path in ("/health/live", "/health/ready"):
                    assert (await client.get(path)).status_code == 200, path
        await crashes.world.turn()
    await crashes.assert_settles("Kafka answers nothing until profiles turns writes away, then answers again")
