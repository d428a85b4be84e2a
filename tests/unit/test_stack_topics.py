"""deploy/topics.yaml says what the design says: who is compacted, for how long, and what is private."""

import pytest

from shared.topics import NATIVE, Topic, load_topics
from tests.conftest import TOPICS

WEEK, MONTH = "604800000", "2592000000"


def topic(name: str) -> Topic:
    return next(topic for topic in load_topics(TOPICS) if topic.name == name)


def test_every_topic_has_24_partitions_in_production_and_4_natively() -> None:
    assert {topic.partitions for topic in load_topics(TOPICS)} == {24}
    assert {topic.partitions for topic in load_topics(TOPICS, size=NATIVE)} == {4}


@pytest.mark.parametrize("name", ["profiles.institutions", "profiles.programmes", "profiles.members"])
def test_state_is_compacted(name: str) -> None:
    assert topic(name).settings == {"cleanup.policy": "compact", "min.insync.replicas": "2"}


@pytest.mark.parametrize("name", ["profiles.preferences", "profiles.contacts"])
def test_private_state_is_compacted_within_a_week(name: str) -> None:
    assert topic(name).settings == {
        "cleanup.policy": "compact",
        "max.compaction.lag.ms": WEEK,
        "min.insync.replicas": "2",
    }


@pytest.mark.parametrize("name", ["matching.events", "notifications.events", "matching.dead-letters"])
def test_facts_and_dead_letters_are_kept_for_thirty_days(name: str) -> None:
    assert topic(name).settings == {"cleanup.policy": "delete", "retention.ms": MONTH, "min.insync.replicas": "2"}


def test_topics_of_a_network_carry_its_id() -> None:
    named = [topic.name for topic in load_topics(TOPICS, network="north")]
    assert named == [f"north.{topic.name}" for topic in load_topics(TOPICS)]


def test_an_unknown_size_is_refused_with_the_known_sizes() -> None:
    with pytest.raises(ValueError, match="production, native"):
        load_topics(TOPICS, size="huge")
