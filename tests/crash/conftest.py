"""One cluster for all crash tests, on servers of its own: each test begins with the state that the last one left.

Prefers native servers, because only they can be killed and restarted on their files. PRECEPTOR_CRASH=full runs every
row; PRECEPTOR_CRASH_RESULTS names the file for the rows (`./dev test crash --full` sets both).
"""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from deploy.api_client import opened
from deploy.guarantees import Row
from deploy.issuer import LocalIssuer
from deploy.stack import kafka, programs
from deploy.stack.model import SERVICES, Site, Stack, Unavailable
from shared import mongo
from shared.clock import SystemClock
from shared.topics import NATIVE, create_missing, load_topics
from tests import servers as find_servers
from tests.conftest import TOPICS, missing
from tests.crash.cluster import Cluster
from tests.crash.results import Results
from tests.crash.site import CrashSite
from tests.crash.world import World


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if os.environ.get("PRECEPTOR_CRASH") == "full":
        return
    left = [item for item in items if item.get_closest_marker("full")]
    if left:
        items[:] = [item for item in items if item not in left]
        config.hook.pytest_deselected(items=left)


@pytest.fixture(scope="package")
def own_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[find_servers.Servers, Path]]:
    """The servers, and the folder with the journal of their programs."""
    choice = os.environ.get("PRECEPTOR_TEST_STACK") or (None if kafka.why_not() else "native")
    folder = tmp_path_factory.mktemp("crash")
    try:
        found = find_servers.find(folder, choice=choice)
    except Unavailable as error:
        missing(f"no Kafka and MongoDB for crash tests: {error}")
    try:
        yield found, folder
    finally:
        found.stop()


@pytest.fixture(autouse=True)
def earlier_crashes_settled(crashes: CrashSite) -> None:
    """The tests share one state: what a crash left wrong would fail each later test, after a minute of waiting."""
    if crashes.unsettled:
        pytest.fail(f"an earlier crash left this state wrong: {crashes.unsettled}")


@pytest.fixture(scope="package")
async def crashes(own_servers: tuple[find_servers.Servers, Path], issuer: LocalIssuer) -> AsyncIterator[CrashSite]:
    servers, folder = own_servers
    bootstrap = servers.kafka()
    await create_missing(bootstrap, load_topics(TOPICS, size=NATIVE))
    uris = dict(zip(SERVICES, servers.mongo(len(SERVICES)), strict=True))
    cluster = Cluster(
        # The services only know addresses, whatever runs the servers.
        Stack(kind="env", bootstrap=bootstrap, mongo_uris=uris),
        issuer,
        # The servers' journal, by which they are found and restarted.
        Site(folder=folder, journal=programs.Journal(folder / "programs.jsonl"), say=print, tied=True),
        folder / "logs",
        settings={"MATCHING_COALESCE_SECONDS": "0.3", "PROFILES_ERASURE_OWN_DAYS": "0"},
    )
    databases = {service: mongo.connect(uri, service) for service, uri in uris.items()}
    try:
        await cluster.start_all()
        async with opened(cluster.addresses, issuer, SystemClock()) as api:
            world = World(api)
            await world.found()
            is_native = isinstance(servers, find_servers.Native)
            yield CrashSite(cluster, world, databases, Results(), SystemClock(), is_native)
    finally:
        cluster.close()
        for database in databases.values():
            database.client.close()


@pytest.fixture(autouse=True)
async def restored(crashes: CrashSite, request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """Restores the cluster after each test. A test without a row of its own writes one without guarantees."""
    crashes.results.is_written = False
    yield
    if not crashes.results.is_written and request.node.get_closest_marker("no_row") is None:
        crashes.results.write(Row(crash=request.node.name, holds={}))
    await crashes.cluster.restore()
