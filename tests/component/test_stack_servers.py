"""The servers that other tests stand on are what they claim to be."""

import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from shared.topics import NATIVE, PRODUCTION, differences, load_topics
from tests.conftest import TOPICS


async def test_the_topics_are_as_declared(kafka_bootstrap: str) -> None:
    assert await differences(kafka_bootstrap, load_topics(TOPICS, size=NATIVE)) == []


async def test_a_topic_that_differs_is_named_with_both_values(kafka_bootstrap: str) -> None:
    told = await differences(kafka_bootstrap, load_topics(TOPICS, size=PRODUCTION))
    assert "profiles.members: 4 partitions instead of 24" in told


def test_the_server_runs_transactions(mongo_uri: str) -> None:
    with MongoClient[dict[str, int]](mongo_uri) as client, client.start_session() as session:
        with session.start_transaction():
            client["test_stack_servers"]["numbers"].insert_one({"n": 1}, session=session)
        assert client["test_stack_servers"]["numbers"].count_documents({}) == 1
        client.drop_database("test_stack_servers")


def test_nobody_reads_without_signing_in(mongo_uri: str) -> None:
    address = mongo_uri.rpartition("@")[2].partition("/")[0]
    client = MongoClient[dict[str, int]](f"mongodb://{address}/?directConnection=true")
    with client, pytest.raises(OperationFailure):
        client["test_stack_servers"]["numbers"].count_documents({})


def test_each_service_has_a_server_of_its_own(mongo_uris: dict[str, str]) -> None:
    assert len({uri.split("@")[1] for uri in mongo_uris.values()}) == 3
