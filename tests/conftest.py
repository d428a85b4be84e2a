"""Servers for the tests that need them, started once a session and only when asked for.

environment → containers → native; PRECEPTOR_TEST_STACK=env|docker|native takes one of them. What is missing skips
loudly on a laptop and fails where CI=true.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings
from xdist.remote import Producer
from xdist.scheduler.loadscope import LoadScopeScheduling

from deploy.issuer import LocalIssuer
from deploy.stack.model import SERVICES, Unavailable
from shared.topics import NATIVE, create_missing, load_topics
from tests import servers as find_servers

TOPICS = Path(__file__).parent.parent / "deploy" / "topics.yaml"

structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)
"""Without the values of all variables: to print those of a traceback through FastAPI took twenty seconds."""

for _service in SERVICES:
    os.environ.setdefault(f"{_service.upper()}_NETWORK_CHECKED", "false")
"""One Kafka serves many tests, each with databases of its own; tests/component/test_network.py checks it."""

settings.register_profile("usual", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("usual")
"""A machine that has much to do is no reason to fail."""


_ORDER = ("e2e", "browser", "component", "contract", "unit", "crash")
"""e2e stops its services after each file, browser and crash when their folder ends: idle ones take most of a core."""
_FAILURE_CHARACTERS = 1_500
_CLUSTERS = frozenset({"browser", "e2e", "crash"})
_LONG = (
    "test_openapi",
    "test_matching_rounds",
    "test_rounds_side_by_side",
    "test_kills",
    "test_machine",
    "test_rounds",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tiers of long files first, and in each tier the longest, so that the workers end at about the same time."""
    items.sort(key=lambda item: (_ORDER.index(item.path.parent.name), item.path.stem not in _LONG))


class _Scheduling(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        """A file stays on one worker. Tiers that run a cluster of services share one: two clusters beside each other
        are more than two cores can start in time. Every crash test takes an hour on one worker: there each has its own.
        """
        file = nodeid.partition("::")[0]
        if os.environ.get("PRECEPTOR_CRASH") == "full":
            return file
        return "clusters" if Path(file).parent.name in _CLUSTERS else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> _Scheduling:
    return _Scheduling(config, log)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Names each failure when it happens: a run that the server ends has no summary."""
    if report.failed and os.environ.get("CI") == "true" and "PYTEST_XDIST_WORKER" not in os.environ:
        print(f"\nfailed in {report.when}: {report.nodeid}\n{report.longreprtext[-_FAILURE_CHARACTERS:]}", flush=True)


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
