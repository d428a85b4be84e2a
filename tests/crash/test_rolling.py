"""Every broker and every replica is restarted in turn while twenty changes a second go on: nobody notices but by time.

PRECEPTOR_CRASH=full python -m pytest tests/crash/test_rolling.py
"""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from aiokafka.admin import AIOKafkaAdminClient

from deploy.api_client import Api, opened
from deploy.issuer import LocalIssuer
from deploy.stack import programs
from deploy.stack.model import SERVICES, Site, Stack
from shared import mongo
from shared.clock import SystemClock
from shared.topics import NATIVE, create_missing, load_topics
from tests import servers as find_servers
from tests.conftest import TOPICS, missing
from tests.crash.changing import Changing
from tests.crash.cluster import Cluster, Replica
from tests.crash.site import CrashSite
from tests.crash.world import World
from tests.eventually import eventually

_BROKERS = 3
_MENTEES, _PER_SECOND = 400, 20
pytestmark = [pytest.mark.full, pytest.mark.timeout(600)]


@dataclass(frozen=True, slots=True)
class TwoReplicas:
    """Two replicas of each service on a Kafka of three brokers."""

    site: CrashSite
    second: dict[str, Replica]
    changing: Changing


@pytest.fixture
async def replicated(
    crashes: CrashSite, tmp_path_factory: pytest.TempPathFactory, issuer: LocalIssuer
) -> AsyncIterator[TwoReplicas]:
    if not crashes.is_native:
        missing("three brokers are started natively only: needs Java 17 and Maven")
    folder = tmp_path_factory.mktemp("rolling")
    servers = find_servers.Native(folder)
    try:
        async with AsyncExitStack() as closing:
            yield await _two_replicas(servers, folder, issuer, crashes, closing)
    finally:
        servers.stop()


async def _two_replicas(
    servers: find_servers.Native, folder: Path, issuer: LocalIssuer, crashes: CrashSite, closing: AsyncExitStack
) -> TwoReplicas:
    bootstrap = servers.kafka_cluster(_BROKERS)
    topics = _replicated(folder / "topics.yaml")
    await create_missing(bootstrap, load_topics(topics, size=NATIVE))
    uris = dict(zip(SERVICES, servers.mongo(len(SERVICES)), strict=True))
    cluster = Cluster(
        Stack(kind="env", bootstrap=bootstrap, mongo_uris=uris),
        issuer,
        Site(folder=folder, journal=programs.Journal(folder / "programs.jsonl"), say=print, tied=True),
        folder / "logs",
        settings={"MATCHING_COALESCE_SECONDS": "0.3"}
        | {f"{service.upper()}_TOPICS_FILE": str(topics) for service in SERVICES},
    )
    closing.callback(cluster.close)
    await cluster.start_all()
    second = {service: cluster.join(service) for service in SERVICES}
    await asyncio.gather(*(replica.ready() for replica in second.values()))
    databases = {service: mongo.connect(uri, service) for service, uri in uris.items()}
    for database in databases.values():
        closing.callback(database.client.close)
    api = await closing.enter_async_context(opened(cluster.addresses, issuer, SystemClock()))
    world = World(api)
    await world.found()
    site = CrashSite(cluster, world, databases, crashes.results, SystemClock(), is_native=True)
    addresses = {service: replica.address for service, replica in second.items()}
    changing = Changing(world, [api, Api(addresses, issuer, api.client, api.clock)])
    await changing.enrol(_MENTEES)
    return TwoReplicas(site, second, changing)


def _replicated(path: Path) -> Path:
    """The product's topics, with few partitions, each on every broker."""
    declared = yaml.safe_load(TOPICS.read_text(encoding="utf-8"))
    declared["sizes"][NATIVE] |= {"replication": _BROKERS, "min_insync_replicas": _BROKERS - 1}
    path.write_text(yaml.safe_dump(declared), encoding="utf-8")
    return path


async def in_sync(bootstrap: str) -> bool:
    """Whether every broker has every partition's last record."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        described = await admin.describe_topics()
    finally:
        await admin.close()
    return all(len(partition["isr"]) == _BROKERS for topic in described for partition in topic["partitions"])


async def restarted_in_turn(replicated: TwoReplicas) -> None:
    cluster = replicated.site.cluster

    async def has_caught_up() -> bool:
        return await in_sync(cluster.stack.bootstrap)

    for node in range(1, _BROKERS + 1):
        await cluster.again(f"kafka {node}", by=signal.SIGTERM)
        await eventually(has_caught_up, within=120, message="the broker has caught up")
    for service in SERVICES:
        await cluster.renew(cluster.running[service])
        await cluster.renew(replicated.second[service])


async def test_nothing_is_lost_or_doubled_while_brokers_and_replicas_are_restarted_in_turn(
    replicated: TwoReplicas,
) -> None:
    site, changing = replicated.site, replicated.changing
    assert not await site.settles()
    async with changing.watched(site.databases["notifications"]):
        async with changing.under_way(site.world.mentees[-_MENTEES:], per_second=_PER_SECOND):
            await restarted_in_turn(replicated)
        await site.settles()
    took = changing.took()
    figures = {
        "change to notification, p50": took[len(took) // 2],
        "p99": took[int(len(took) * 0.99)],
        "longest": took[-1],
    }
    crash = f"three brokers and two replicas of each service restarted in turn during {len(changing.began)} changes"
    await site.assert_settles(f"{crash} at {_PER_SECOND}/s", figures=figures)
    assert len(took) > len(changing.began) * 0.9, "most changes were notified one by one"
