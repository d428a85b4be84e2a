"""Runs a real Kafka: one or more nodes, each with broker and controller in one Java process."""

import base64
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.stack import downloads, ports, programs
from deploy.stack.model import Site, Unavailable
from deploy.stack.programs import Program

_JAVA_AT_LEAST = 17
_OPTIONS = ("-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
# Few partitions, because each costs time at start.
SINGLE_NODE = {
    "auto.create.topics.enable": "false",
    "num.partitions": "4",
    "offsets.topic.num.partitions": "4",
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    # The default of Kafka 4 delays every offset commit by some milliseconds.
    "group.coordinator.append.linger.ms": "0",
}
_SETTINGS = """
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://{host}:{broker},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{broker}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={folder}/data
"""


@dataclass(frozen=True, slots=True)
class Broker:
    program: Program
    port: int

    @property
    def bootstrap(self) -> str:
        return f"{ports.HOST}:{self.port}"

    def wait(self) -> None:
        ports.wait_until_answers(self.port, program=self.program)


def variable(setting: str) -> str:
    """A setting's name in the environment of Kafka's image."""
    return "KAFKA_" + setting.replace(".", "_").upper()


def why_not() -> str | None:
    """Why Kafka cannot run natively here; None where it can."""
    if sys.platform != "linux":
        return "native servers need Linux on x86-64"
    if not (java := shutil.which("java")):
        return f"Java {_JAVA_AT_LEAST} is not installed"
    if (version := _java_version(java)) < _JAVA_AT_LEAST:
        return f"Java {version} is too old, {_JAVA_AT_LEAST} is needed"
    if not downloads.are_cached() and not shutil.which("mvn"):
        return "Maven is not installed"
    return None


def start(site: Site, *, jars: Path) -> Broker:
    """Returns at once; `wait` waits."""
    (broker,) = start_cluster(site, jars=jars, nodes=1)
    return broker


def start_cluster(site: Site, *, jars: Path, nodes: int) -> list[Broker]:
    """With three nodes, a record is acknowledged when two have it. Returns at once."""
    free = ports.free_ports(2 * nodes)
    addresses = list(zip(range(1, nodes + 1), free[:nodes], free[nodes:], strict=True))
    voters = ",".join(f"{node}@{ports.HOST}:{controller}" for node, _, controller in addresses)
    cluster, settings = _cluster_id(), {**SINGLE_NODE, **(_replicated(nodes) if nodes > 1 else {})}
    return [
        _start_node(site, jars, f"kafka {node}" if nodes > 1 else "kafka", cluster, broker, settings, own)
        for node, broker, controller in addresses
        for own in [{"node": node, "voters": voters, "broker": broker, "controller": controller}]
    ]


def _start_node(
    site: Site, jars: Path, name: str, cluster: str, port: int, settings: Mapping[str, str], own: Mapping[str, object]
) -> Broker:
    """One program formats the storage and then runs the node, so that there is one start to wait for."""
    folder = site.folder / name.replace(" ", "-")
    folder.mkdir(parents=True)
    file = folder / "server.properties"
    lines = [
        _SETTINGS.format(host=ports.HOST, folder=folder, **own),
        *(f"{key}={value}" for key, value in settings.items()),
    ]
    file.write_text("\n".join(lines), encoding="utf-8")
    java = f"java {' '.join(_OPTIONS)} -cp '{jars}/*'"
    formatted = f"{java} kafka.tools.StorageTool format -t {cluster} -c '{file}'"
    script = f"{formatted} && exec {java} kafka.Kafka '{file}'"
    program = programs.start(
        name,
        ["sh", "-c", script],
        log=site.folder / f"{folder.name}.log",
        environment={},
        journal=site.journal,
        tied=site.tied,
    )
    return Broker(program=program, port=port)


def _replicated(nodes: int) -> dict[str, str]:
    factors = [name for name in SINGLE_NODE if name.endswith("replication.factor")]
    in_sync = ["min.insync.replicas", *(name for name in SINGLE_NODE if name.endswith("min.isr"))]
    return {**dict.fromkeys(factors, str(nodes)), **dict.fromkeys(in_sync, str(nodes - 1))}


def _cluster_id() -> str:
    # The zero byte first: an id that begins with a dash would be read as an option.
    return base64.urlsafe_b64encode(b"\0" + uuid.uuid4().bytes[1:]).decode().rstrip("=")


def _java_version(java: str) -> int:
    """The first number of the `java.specification.version` line (Java 8 says 1.8, which is too old either way)."""
    result = subprocess.run(
        [java, "-XshowSettings:properties", "-version"], capture_output=True, text=True, check=False
    )
    for line in result.stderr.splitlines():
        if "java.specification.version" in line:
            return int(line.split("=")[1].strip().split(".")[0])
    raise Unavailable(f"{java} does not run: {os.linesep.join(result.stderr.splitlines()[:3])}")
