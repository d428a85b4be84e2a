"""A second opinion: the CloudEvents project's own package reads what we send, and we read what it sends."""

import json

import pytest
from cloudevents.core.bindings import kafka
from cloudevents.core.bindings.kafka import KafkaMessage

from shared.contracts.envelope import read
from tests.contract.golden import GOLDEN, Golden

each_golden = pytest.mark.parametrize("event", GOLDEN, ids=lambda golden: golden.name)


def message(event: Golden) -> KafkaMessage:
    return KafkaMessage(headers=dict(event.headers), key=event.key, value=event.value)


@each_golden
def test_binary_mode_is_read_as_a_valid_event_with_every_attribute(event: Golden) -> None:
    opinion = kafka.from_binary_event(message(event))
    assert (opinion.get_specversion(), opinion.get_type()) == ("1.0", event.type)
    assert opinion.get_id() == event.headers["ce_id"].decode()
    assert opinion.get_data() == json.loads(event.value)
    for extension in ("partitionkey", "sequence", "institution", "correlationid", "causationid", "traceparent"):
        assert opinion.get_extension(extension) == event.headers[f"ce_{extension}"].decode()


@each_golden
def test_binary_events_of_the_cloudevents_package_are_read_alike(event: Golden) -> None:
    again = kafka.to_binary_event(kafka.from_binary_event(message(event)))
    ours = read(key=event.key, value=event.value, headers=list(event.headers.items()))
    assert read(key=again.key.encode(), value=again.value, headers=list(again.headers.items())) == ours  # type: ignore[union-attr]


@each_golden
def test_structured_events_of_the_cloudevents_package_are_read_alike(event: Golden) -> None:
    structured = kafka.to_structured_event(kafka.from_binary_event(message(event)))
    assert structured.headers["content-type"].startswith(b"application/cloudevents+json")
    ours = read(key=event.key, value=event.value, headers=list(event.headers.items()))
    assert read(key=event.key, value=structured.value, headers=list(structured.headers.items())) == ours
    assert kafka.from_structured_event(structured).get_data() == json.loads(event.value)
