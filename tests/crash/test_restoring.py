"""A service's MongoDB is put back to an earlier moment while Kafka is ahead: the drill of docs/operations.md."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from typer.testing import CliRunner

from deploy.restored import app
from shared.mongo import Document
from tests.crash import backups
from tests.crash.site import CrashSite
from tests.crash.world import TOPICS

_CHANGES = 12
pytestmark = pytest.mark.timeout(240)


async def command(site: CrashSite, service: str, *words: str, exit_code: int = 0) -> str:
    environment = {
        f"{service.upper()}_MONGO_URI": site.cluster.stack.mongo_uris[service],
        f"{service.upper()}_KAFKA_BOOTSTRAP": site.cluster.stack.bootstrap,
    }
    done = await asyncio.to_thread(CliRunner().invoke, app, [service, *words], env=environment)
    assert done.exit_code == exit_code, done.output
    return done.output


@asynccontextmanager
async def set_back(site: CrashSite, service: str) -> AsyncIterator[None]:
    """Backed up under way; in the block, what happens after that; then its database is as it was."""
    assert not await site.settles()
    async with site.under_way():
        await site.world.turn()
        backup = await backups.take(site.databases[service])
    yield
    for _ in range(_CHANGES):
        await site.world.turn()
    assert not await site.settles()
    await site.cluster.end(site.cluster.running[service])
    await backups.put_back(site.databases[service], backup)


async def on_record(site: CrashSite, service: str) -> Document:
    [*_, done] = await site.databases[service]["audit"].find({"what": "restored done"}).sort("_id").to_list(None)
    whole: Document = done["whole"]
    return whole


async def goes_on(site: CrashSite, service: str) -> None:
    await site.cluster.start(service).ready()
    async with site.under_way():
        await site.world.turn()
    await site.assert_settles(f"{service} restored to an earlier moment, Kafka ahead")


async def test_restored_profiles_read_acknowledged_changes_back_from_their_topics(crashes: CrashSite) -> None:
    async with set_back(crashes, "profiles"):
        late = await crashes.world.join(TOPICS[0])
    assert f"members {late}" in await command(crashes, "profiles", "--dry-run")
    assert not await crashes.databases["profiles"]["members"].count_documents({"_id": late})

    await command(crashes, "profiles")

    whole = await on_record(crashes, "profiles")
    assert whole["outcomes"]["made_anew"] == [f"members {late}"]
    assert whole["outcomes"].keys().isdisjoint({"not_read_back", "erased"})
    await goes_on(crashes, "profiles")


async def test_restored_notifications_publish_again_under_the_same_ids(
    crashes: CrashSite,
) -> None:
    async with set_back(crashes, "notifications"):
        pass
    published = {record.id for record in (await crashes.look()).records["notifications.events"]}

    await command(crashes, "notifications")

    await crashes.cluster.start("notifications").ready()
    assert not await crashes.settles()
    assert {record.id for record in (await crashes.look()).records["notifications.events"]} == published
    await crashes.cluster.end(crashes.cluster.running["notifications"])
    await goes_on(crashes, "notifications")


@pytest.mark.full
async def test_restored_matching_reads_its_lists_back_and_notifies_nothing_again(crashes: CrashSite) -> None:
    async with set_back(crashes, "matching"):
        pass
    published = {record.id for record in (await crashes.look()).records["matching.events"]}

    await command(crashes, "matching")

    whole = await on_record(crashes, "matching")
    assert whole["outcomes"].keys() == {"read_back"}
    await crashes.cluster.start("matching").ready()
    await crashes.settles()
    assert {record.id for record in (await crashes.look()).records["matching.events"]} == published
    await crashes.cluster.end(crashes.cluster.running["matching"])
    await goes_on(crashes, "matching")


@pytest.mark.no_row
async def test_a_running_service_is_not_restored(crashes: CrashSite) -> None:
    assert "stop them all first" in await command(crashes, "profiles", exit_code=1)
