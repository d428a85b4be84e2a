"""Reads the declared topics (deploy/topics.yaml), compares them with a running Kafka, and creates missing topics.

An existing topic is never changed: the operator decides about each reported difference.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from shared import kafka

PRODUCTION = "production"
NATIVE = "native"
_TOPIC_ALREADY_EXISTS = 36


class TopicsRefused(RuntimeError):
    """Kafka did not create a topic."""


@dataclass(frozen=True, slots=True)
class Topic:
    name: str
    partitions: int
    replication: int
    settings: Mapping[str, str]
    """Keyed by Kafka's names: `cleanup.policy`, `retention.ms`, `max.compaction.lag.ms`."""


def load_topics(path: Path, *, size: str = PRODUCTION, network: str = "") -> list[Topic]:
    """The declared topics under their names in the network's Kafka."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    if size not in document["sizes"]:
        raise ValueError(f"{path}: no size {size!r}, only {', '.join(document['sizes'])}")
    return [
        _topic(kafka.named(kafka.address("", network=network), name), entry, document["sizes"][size])
        for name, entry in document["topics"].items()
    ]


def _topic(name: str, entry: Mapping[str, Any], size: Mapping[str, int]) -> Topic:
    in_sync = {"min.insync.replicas": str(size["min_insync_replicas"])}
    return Topic(
        name=name,
        partitions=size["partitions"],
        replication=size["replication"],
        settings=_settings(entry) | in_sync,
    )


async def differences(bootstrap: str, topics: Sequence[Topic]) -> list[str]:
    """One sentence for each difference from the declaration."""
    async with _admin(bootstrap) as admin:
        return await _differences(admin, topics)


async def create_missing(bootstrap: str, topics: Sequence[Topic]) -> list[str]:
    """Creates missing topics and returns their names. Raises `TopicsRefused`."""
    async with _admin(bootstrap) as admin:
        existing = set(await admin.list_topics())
        missing = [topic for topic in topics if topic.name not in existing]
        if missing:
            _refuse_errors(await admin.create_topics([_new(topic) for topic in missing]))
    return [topic.name for topic in missing]


async def topic_names(bootstrap: str) -> set[str]:
    async with _admin(bootstrap) as admin:
        return set(await admin.list_topics())


@asynccontextmanager
async def _admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.servers(bootstrap))
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


async def _differences(admin: AIOKafkaAdminClient, topics: Sequence[Topic]) -> list[str]:
    existing = set(await admin.list_topics())
    created = [topic for topic in topics if topic.name in existing]
    found = [f"{topic.name}: does not exist" for topic in topics if topic.name not in existing]
    if not created:
        return found
    replicas = {
        described["topic"]: [len(partition["replicas"]) for partition in described["partitions"]]
        for described in await admin.describe_topics([topic.name for topic in created])
    }
    settings = await _described_settings(admin, created)
    for topic in created:
        found += _compare(topic, replicas=replicas[topic.name], settings=settings[topic.name])
    return found


def _compare(topic: Topic, *, replicas: Sequence[int], settings: Mapping[str, str]) -> list[str]:
    """`replicas` is the number of replicas of each partition."""
    found = []
    if len(replicas) != topic.partitions:
        found.append(f"{topic.name}: {len(replicas)} partitions instead of {topic.partitions}")
    wrong = sorted({count for count in replicas if count != topic.replication})
    if wrong:
        found.append(f"{topic.name}: replication factor is {wrong[0]} instead of {topic.replication}")
    for key, wanted in topic.settings.items():
        if settings.get(key) != wanted:
            found.append(f"{topic.name}: {key} is {settings.get(key)} instead of {wanted}")
    return found


async def _described_settings(admin: AIOKafkaAdminClient, topics: Sequence[Topic]) -> dict[str, dict[str, str]]:
    wanted = [ConfigResource(ConfigResourceType.TOPIC, topic.name) for topic in topics]
    described: dict[str, dict[str, str]] = {}
    for response in await admin.describe_configs(wanted):
        for _code, _message, _type, name, entries in response.resources:
            described[name] = {entry[0]: entry[1] for entry in entries}
    return described


def _refuse_errors(response: Any) -> None:
    errors = [
        f"{name}: {message or f'error {code}'}"
        for name, code, message in response.topic_errors
        if code not in {0, _TOPIC_ALREADY_EXISTS}
    ]
    if errors:
        raise TopicsRefused("; ".join(errors))


def _new(topic: Topic) -> NewTopic:
    return NewTopic(
        name=topic.name,
        num_partitions=topic.partitions,
        replication_factor=topic.replication,
        topic_configs=dict(topic.settings),
    )


def _settings(entry: Mapping[str, Any]) -> dict[str, str]:
    settings = {"cleanup.policy": str(entry["cleanup"])}
    if "retention_days" in entry:
        settings["retention.ms"] = _milliseconds(entry["retention_days"])
    if "max_compaction_lag_days" in entry:
        settings["max.compaction.lag.ms"] = _milliseconds(entry["max_compaction_lag_days"])
    return settings


def _milliseconds(days: int) -> str:
    return str(timedelta(days=days) // timedelta(milliseconds=1))
