"""Projections rebuilt by the operator's command while changes flow, unnoticed."""

import asyncio

import pytest
from typer.testing import CliRunner

from deploy.rebuild import app
from tests.crash.site import CrashSite

pytestmark = pytest.mark.timeout(240)


async def rebuilt(site: CrashSite, service: str, projection: str, *words: str) -> str:
    environment = {
        f"{service.upper()}_MONGO_URI": site.cluster.stack.mongo_uris[service],
        f"{service.upper()}_KAFKA_BOOTSTRAP": site.cluster.stack.bootstrap,
    }
    done = await asyncio.to_thread(CliRunner().invoke, app, [service, projection, *words], env=environment)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize(
    ("service", "projection"),
    [
        ("matching", "participants"),
        pytest.param("matching", "preferences", marks=pytest.mark.full),
        pytest.param("matching", "programmes", marks=pytest.mark.full),
        ("notifications", "contacts"),
        pytest.param("notifications", "institutions", marks=pytest.mark.full),
    ],
)
async def test_a_projection_is_rebuilt_while_running_and_nothing_is_lost_or_doubled(
    crashes: CrashSite, service: str, projection: str
) -> None:
    database = crashes.databases[service]
    async with crashes.under_way():
        for words in (["--dry-run"], []):
            output = await rebuilt(crashes, service, projection, *words)
            assert "documents agree" in output
            assert not any(word in output for word in ("only", "newer", "another content")), output
    await crashes.assert_settles(f"{service}'s {projection} rebuilt under way")
    assert [name for name in await database.list_collection_names() if name.startswith("rebuilt.")] == []
    acts = [act["what"] async for act in database["audit"].find().sort("_id")]
    assert acts[-4:] == [f"rebuild {projection}", f"rebuild {projection} done"] * 2
