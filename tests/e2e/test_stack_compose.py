"""docker-compose.yml, run: everything becomes healthy, is what it claims, and goes without a trace."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from deploy import processes
from deploy.stack import docker, images
from deploy.stack.find import undo
from deploy.stack.model import SERVICES, Site, Stack, Unavailable
from deploy.stack.programs import Journal
from shared.topics import NATIVE, differences, load_topics
from tests.conftest import TOPICS, missing

PROJECT = f"preceptor-test-{os.getpid()}"
pytestmark = pytest.mark.timeout(420)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    try:
        images.require(images.KAFKA, images.MONGO, images.PYTHON)
    except Unavailable as error:
        missing(str(error))
    folder = tmp_path_factory.mktemp("compose")
    site = Site(folder=folder / "servers", journal=Journal(folder / "programs.jsonl"), say=print)
    with pytest.MonkeyPatch.context() as environment:
        # A project of its own, so that a developer's stays untouched.
        environment.setenv("COMPOSE_PROJECT_NAME", PROJECT)
        yield site
        undo(site)
    assert not _docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={PROJECT}")
    assert not _docker("volume", "ls", "-q", "--filter", f"label=com.docker.compose.project={PROJECT}")


@pytest.fixture(scope="module")
def stack(site: Site) -> Stack:
    return docker.start(site)


def test_every_service_becomes_ready(stack: Stack) -> None:
    assert all(processes.is_ready(stack.addresses[service]) for service in SERVICES)


async def test_the_topics_are_as_declared(stack: Stack) -> None:
    assert await differences(stack.bootstrap, load_topics(TOPICS, size=NATIVE)) == []


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_runs_unprivileged_on_a_read_only_root(stack: Stack, service: str) -> None:
    assert stack.kind == "docker"
    container = _docker("ps", "-q", *_labels(service))
    assert _docker("exec", container, "id", "-u") == "10001"
    written = subprocess.run(
        ["docker", "exec", container, "touch", "/opt/preceptor/x"], capture_output=True, check=False
    )
    assert b"Read-only file system" in written.stderr


@pytest.mark.parametrize("service", SERVICES)
def test_no_credential_is_in_a_container_s_configuration(stack: Stack, service: str) -> None:
    assert stack.kind == "docker"
    for name in (service, f"mongo-{service}"):
        config = _docker("inspect", "-f", "{{json .Config}}", _docker("ps", "-q", *_labels(name)))
        assert "mongodb://" not in config
        assert "PASSWORD=" not in config


@pytest.mark.parametrize(
    ("service", "command", "status", "message"),
    [
        *((service, f"deploy.parked list {service}", 0, "nothing is parked") for service in SERVICES),
        ("matching", "deploy.rebuild matching participants --dry-run", 0, "nothing is replaced"),
        ("notifications", "deploy.rebuild notifications contacts --dry-run", 0, "nothing is replaced"),
        *((service, f"deploy.restored {service} --dry-run", 1, "stop them all first") for service in SERVICES),
        ("profiles", "deploy.topics check --bootstrap kafka:9092 --size native", 0, ""),
    ],
)
def test_an_operator_s_command_works_in_the_image(
    stack: Stack, service: str, command: str, status: int, message: str
) -> None:
    assert stack.kind == "docker"
    container = _docker("ps", "-q", *_labels(service))
    words = ["docker", "exec", container, "python", "-m", *command.split()]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, message in done.stdout + done.stderr) == (status, True), done.stdout + done.stderr


def test_a_project_that_runs_is_used_and_not_started_again(stack: Stack, site: Site) -> None:
    assert docker.start(site).addresses == stack.addresses


def test_a_service_scales_behind_a_single_port(stack: Stack) -> None:
    """The last test of this file: one container becomes two, and the one that was there before ends."""
    assert stack.kind == "docker"
    command = ["docker", "compose", "up", "--wait", "--no-deps", "--scale", "notifications=2", "notifications"]
    done = subprocess.run(command, cwd=docker.ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    containers = _docker("ps", "-q", *_labels("notifications")).split()
    assert len(containers) == 2
    assert processes.is_ready(stack.addresses["notifications"])
    _docker("stop", containers[-1])
    assert processes.is_ready(stack.addresses["notifications"])


def _labels(service: str) -> tuple[str, ...]:
    labels = (f"com.docker.compose.project={PROJECT}", f"com.docker.compose.service={service}")
    return tuple(word for label in labels for word in ("--filter", f"label={label}"))


def _docker(*words: str) -> str:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout.strip()
