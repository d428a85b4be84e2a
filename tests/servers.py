"""Real servers for tests: from the environment, else from containers, else native. One answer for the whole session.

From the environment the users must be allowed to create any database: tests use databases of their own.
"""

import os
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal, Protocol

from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import LogMessageWaitStrategy

from deploy.names import DATABASES
from deploy.stack import env, images, kafka, mongod, native, ports, programs
from deploy.stack.model import Site, Unavailable

Kind = Literal["env", "docker", "native"]
_KINDS: tuple[Kind, ...] = ("env", "docker", "native")
_START_SECONDS = 300
"""A machine that builds images and checks types beside it has taken more than one minute to start Kafka."""
_MONGO_COMMAND = (
    "head -c 48 /dev/urandom | base64 -w0 >/tmp/key && chown mongodb /tmp/key && chmod 400 /tmp/key && "
    "exec docker-entrypoint.sh mongod --replSet rs0 --keyFile /tmp/key --bind_ip_all --wiredTigerCacheSizeGB 0.5 "
    + " ".join(f"--setParameter {name}={value}" for name, value in mongod.PARAMETERS.items())
)
_MONGO_PRIMARY = """
rs.initiate({ _id: "rs0", members: [{ _id: 0, host: "localhost:27017" }] });
while (!db.hello().isWritablePrimary) sleep(50);
db.getSiblingDB("admin").createUser({ user: "root", pwd: "PASSWORD", roles: ["root"] });
"""


class Servers(Protocol):
    """Each call starts what it gives, or finds it; `stop` ends everything."""

    def kafka(self) -> str: ...

    def mongo(self, count: int) -> list[str]:
        """URIs of that many replica sets, with users who may create any database."""

    def standalone_mongo(self) -> str:
        """The URI of a server that is no member of a replica set."""

    def stop(self) -> None: ...


def find(folder: Path, *, choice: str | None) -> Servers:
    """Raises `Unavailable` with every reason when no kind can run here."""
    reasons = []
    for kind in _KINDS:
        if choice and kind != choice:
            continue
        try:
            return _FOUND[kind](folder)
        except Unavailable as error:
            reasons.append(f"{kind}: {error}")
    raise Unavailable("; ".join(reasons) or f"PRECEPTOR_TEST_STACK={choice} is not one of {', '.join(_KINDS)}")


class _Environment:
    def __init__(self, _folder: Path) -> None:
        self._stack = env.find(os.environ)

    def kafka(self) -> str:
        return self._stack.bootstrap

    def mongo(self, count: int) -> list[str]:
        return [self._stack.mongo_uris[service] for service in DATABASES[:count]]

    def standalone_mongo(self) -> str:
        raise Unavailable("servers from the environment are replica sets")

    def stop(self) -> None:
        """They are somebody else's."""


class Native:
    def __init__(self, folder: Path) -> None:
        if reason := kafka.why_not():
            raise Unavailable(reason)
        self._site = Site(folder=folder, journal=programs.Journal(folder / "programs.jsonl"), say=print, tied=True)
        self._jars, self._binaries = native.binaries_for(self._site)
        self._started = 0

    def kafka(self) -> str:
        broker = kafka.start(self._site, jars=self._jars)
        broker.wait()
        return broker.bootstrap

    def kafka_cluster(self, nodes: int) -> str:
        brokers = kafka.start_cluster(self._site, jars=self._jars, nodes=nodes)
        for broker in brokers:
            broker.wait()
        return ",".join(broker.bootstrap for broker in brokers)

    def mongo(self, count: int) -> list[str]:
        names = [str(self._started + index) for index in range(count)]
        self._started += count
        started = [mongod.start(self._site, name, binaries=self._binaries) for name in names]
        with ThreadPoolExecutor() as pool:
            list(pool.map(mongod.Mongod.wait, started))
        return [server.root_uri for server in started]

    def standalone_mongo(self) -> str:
        (port,) = ports.free_ports(1)
        folder = self._site.folder / "mongod-standalone"
        folder.mkdir()
        program = programs.start(
            "mongod standalone",
            [str(self._binaries / "mongod"), "--dbpath", str(folder), "--port", str(port), "--bind_ip", ports.HOST],
            log=self._site.folder / "mongod-standalone.log",
            environment={"LD_LIBRARY_PATH": str(self._binaries)},
            journal=self._site.journal,
            tied=True,
        )
        ports.wait_until_answers(port, program=program)
        return f"mongodb://{ports.HOST}:{port}"

    def stop(self) -> None:
        programs.stop(self._site.journal.programs())


class _Containers:
    def __init__(self, _folder: Path) -> None:
        images.require(images.KAFKA, images.MONGO)
        # The reaper is one more image, which a machine that pulls nothing does not have.
        testcontainers_config.ryuk_disabled |= not images.is_here(testcontainers_config.ryuk_image)
        self._running = ExitStack()

    def kafka(self) -> str:
        (port,) = ports.free_ports(1)
        container = DockerContainer(images.KAFKA).with_envs(**_kafka_settings(port)).with_bind_ports(9092, port)
        container.waiting_for(LogMessageWaitStrategy("Kafka Server started").with_startup_timeout(_START_SECONDS))
        self._running.enter_context(container)
        return f"{ports.HOST}:{port}"

    def mongo(self, count: int) -> list[str]:
        with ThreadPoolExecutor() as pool:
            return list(pool.map(lambda _: self._running.enter_context(_mongo_container()), range(count)))

    def standalone_mongo(self) -> str:
        container = (
            DockerContainer(images.MONGO)
            .with_exposed_ports(27017)
            .waiting_for(LogMessageWaitStrategy("Waiting for connections").with_startup_timeout(_START_SECONDS))
        )
        self._running.enter_context(container)
        return f"mongodb://{container.get_container_host_ip()}:{container.get_exposed_port(27017)}"

    def stop(self) -> None:
        self._running.close()


_FOUND: dict[Kind, Callable[[Path], Servers]] = {"env": _Environment, "docker": _Containers, "native": Native}


@contextmanager
def _mongo_container() -> Iterator[str]:
    password = secrets.token_urlsafe(16)
    container = (
        DockerContainer(images.MONGO, entrypoint=["bash", "-c", _MONGO_COMMAND])
        .with_exposed_ports(27017)
        .waiting_for(LogMessageWaitStrategy("Waiting for connections").with_startup_timeout(_START_SECONDS))
    )
    with container:
        # The first user may be made from inside only, without signing in.
        done = container.exec(["mongosh", "--quiet", "--norc", "--eval", _MONGO_PRIMARY.replace("PASSWORD", password)])
        assert done.exit_code == 0, done.output.decode()
        address = f"{container.get_container_host_ip()}:{container.get_exposed_port(27017)}"
        yield f"mongodb://root:{password}@{address}/?authSource=admin&directConnection=true"


def _kafka_settings(port: int) -> dict[str, str]:
    return {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{ports.HOST}:{port}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_HEAP_OPTS": "-Xmx512m",
        **{kafka.variable(name): value for name, value in kafka.SINGLE_NODE.items()},
    }
