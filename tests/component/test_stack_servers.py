"""The servers that other tests stand on are what they claim to be."""

import os
import subprocess

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from deploy import processes
from deploy.issuer import LocalIssuer
from deploy.stack import ports
from deploy.stack.model import SERVICES, Stack
from shared.topics import NATIVE, PRODUCTION, differences, load_topics
from tests.conftest import TOPICS


async def test_the_topics_are_as_declared(kafka_bootstrap: str) -> None:
    assert await differences(kafka_bootstrap, load_topics(TOPICS, size=NATIVE)) == []


async def test_a_topic_that_differs_is_named_with_both_values(kafka_bootstrap: str) -> None:
    found = await differences(kafka_bootstrap, load_topics(TOPICS, size=PRODUCTION))
    assert "profiles.members: 4 partitions instead of 24" in found
    assert "profiles.members: replication factor is 1 instead of 3" in found
    assert "profiles.members: min.insync.replicas is 1 instead of 2" in found


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_does_not_start_where_a_topic_has_another_number_of_partitions(
    kafka_bootstrap: str, mongo_uri: str, issuer: LocalIssuer, service: str
) -> None:
    """Its keys would be elsewhere than those that were sent before."""
    stack = Stack(kind="env", bootstrap=kafka_bootstrap, mongo_uris=dict.fromkeys(SERVICES, mongo_uri))
    environment = processes.environment(service, stack, issuer, port=ports.free_ports(1)[0]) | {
        f"{service.upper()}_TOPICS_SIZE": PRODUCTION,
        f"{service.upper()}_MONGO_DATABASE": "test_stack_partitions",
    }
    ended = subprocess.run(
        processes.COMMANDS[service], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "profiles.members: 4 partitions instead of 24" in ended.stderr
    assert "python -m deploy.topics apply" in ended.stderr


def test_the_server_runs_transactions(mongo_uri: str) -> None:
    with MongoClient[dict[str, int]](mongo_uri) as client, client.start_session() as session:
        with session.start_transaction():
            client["test_stack_servers"]["numbers"].insert_one({"n": 1}, session=session)
        assert client["test_stack_servers"]["numbers"].count_documents({}) == 1
        client.drop_database("test_stack_servers")


def test_no_client_reads_without_credentials(mongo_uri: str) -> None:
    address = mongo_uri.rpartition("@")[2].partition("/")[0]
    client = MongoClient[dict[str, int]](f"mongodb://{address}/?directConnection=true")
    with client, pytest.raises(OperationFailure):
        client["test_stack_servers"]["numbers"].count_documents({})


def test_each_service_has_a_server_of_its_own(mongo_uris: dict[str, str]) -> None:
    assert len({uri.split("@")[1] for uri in mongo_uris.values()}) == len(SERVICES)
