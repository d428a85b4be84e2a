"""Servers for the tests that need them, started once a session and only when asked for.

environment → containers → native; PRECEPTOR_TEST_STACK=env|docker|native takes one of them. What is missing skips
loudly on a laptop and fails where CI=true.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from deploy.issuer import LocalIssuer
from deploy.stack.model import SERVICES, Unavailable
from shared.topics import NATIVE, create_missing, load_topics
from tests import servers as find_servers

TOPICS = Path(__file__).parent.parent / "deploy" / "topics.yaml"

for _service in SERVICES:
    os.environ.setdefault(f"{_service.upper()}_NETWORK_CHECKED", "false")
"""One Kafka serves many tests, each with databases of its own; tests/component/test_network.py checks it."""

settings.register_profile("usual", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("usual")
"""A machine that has much to do is no reason to fail."""


_ORDER = ("browser", "e2e", "component", "contract", "unit", "crash")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first, so that the workers end at about the same time; what keeps a cluster running comes last."""
    items.sort(key=lambda item: _ORDER.index(item.path.parent.name))


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[find_servers.Servers]:
    try:
        found = find_servers.find(tmp_path_factory.mktemp("servers"), choice=os.environ.get("PRECEPTOR_TEST_STACK"))
    except Unavailable as error:
        missing(f"no Kafka and MongoDB for tests: {error}")
    try:
        yield found
    finally:
        found.stop()


@pytest.fixture(scope="session")
async def kafka_bootstrap(servers: find_servers.Servers) -> str:
    """A real Kafka with every topic of deploy/topics.yaml. Tests use consumer groups of their own."""
    bootstrap = servers.kafka()
    await create_missing(bootstrap, load_topics(TOPICS, size=NATIVE))
    return bootstrap


@pytest.fixture(scope="session")
def mongo_uri(servers: find_servers.Servers) -> str:
    """A replica set with authentication. Tests use databases of their own."""
    return servers.mongo(1)[0]


@pytest.fixture(scope="session")
def mongo_uris(servers: find_servers.Servers) -> dict[str, str]:
    """One such server for each service."""
    return dict(zip(SERVICES, servers.mongo(len(SERVICES)), strict=True))


@pytest.fixture(scope="session")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> LocalIssuer:
    return LocalIssuer.load_or_create(tmp_path_factory.mktemp("issuer"))


def missing(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
