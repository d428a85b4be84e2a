"""Every event ever published is readable today, and what is published today is readable by every earlier form."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from shared.contracts.catalogue import EVENTS
from shared.contracts.envelope import Received, headers_of, read
from shared.contracts.payload import Payload
from shared.contracts.schema import published, schemas
from tests.contract.golden import GOLDEN, Golden, golden

each_golden = pytest.mark.parametrize("event", GOLDEN, ids=lambda golden: golden.name)


def replayed(event: Golden) -> tuple[Received, Payload]:
    received = read(key=event.key, value=event.value, headers=list(event.headers.items()))
    assert received is not None
    assert received.payload is not None
    return received, received.payload


def test_there_is_a_golden_event_of_every_type() -> None:
    assert {golden.type for golden in GOLDEN} == EVENTS.keys()


@each_golden
def test_every_golden_event_is_valid_in_todays_models(event: Golden) -> None:
    received, payload = replayed(event)
    assert type(payload) is EVENTS[event.type]
    assert event.topic == payload.TOPIC
    assert received.envelope.key == event.key.decode()


@each_golden
def test_no_field_of_a_golden_event_is_lost(event: Golden) -> None:
    received, payload = replayed(event)
    sent_again = json.loads(payload.model_dump_json())
    assert sent_again.items() >= json.loads(event.value).items()
    assert {name: text.encode() for name, text in headers_of(received.envelope).items()} == event.headers


@pytest.mark.parametrize("event_type", EVENTS)
def test_the_newest_golden_event_is_todays_wire_form_byte_for_byte(event_type: str) -> None:
    event = golden(event_type)
    _, payload = replayed(event)
    assert payload.model_dump_json().encode() == event.value


@pytest.mark.parametrize("event_type", EVENTS)
def test_the_newest_golden_event_has_a_value_in_every_field(event_type: str) -> None:
    """`unmatched` excludes a list, `suppressed` excludes recipients; every other optional field is set."""
    _, payload = replayed(golden(event_type))
    silent = {name for name, value in payload.model_dump().items() if value in (None, (), {}, "")}
    assert silent <= {"unmatched", "suppressed"}


@each_golden
def test_every_golden_event_fits_todays_schema(event: Golden) -> None:
    Draft202012Validator(schemas()[event.type]).validate(json.loads(event.value))


@pytest.mark.parametrize("event_type", EVENTS)
def test_events_published_today_fit_every_earlier_schema(event_type: str) -> None:
    value: Any = json.loads(golden(event_type).value)
    for _, earlier in published(event_type):
        Draft202012Validator(earlier).validate(value)
