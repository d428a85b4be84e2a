"""What a reader makes of a record that is not as it should be, or not yet known (docs/events.md)."""

import json
from dataclasses import replace
from typing import Any

import pytest

from shared.contracts.envelope import Received, Unreadable, read
from shared.contracts.matching import SuggestionsChanged
from shared.contracts.profiles import ContactChanged
from tests.contract.golden import Golden, golden

EVENT = golden(SuggestionsChanged.TYPE)


def reading(event: Golden = EVENT, **changed: Any) -> Received | None:
    """With headers put over the golden ones; a header of `...` is taken away."""
    headers = {**event.headers, **changed.pop("headers", {})}
    whole = {
        "key": event.key,
        "value": event.value,
        "headers": [(name, value) for name, value in headers.items() if value is not ...],
    } | changed
    return read(**whole)


def refused(**changed: Any) -> Unreadable:
    with pytest.raises(Unreadable) as caught:
        reading(**changed)
    return caught.value


def with_value(**changed: Any) -> bytes:
    return json.dumps({**json.loads(EVENT.value), **changed}).encode()


def test_unknown_fields_are_ignored_at_every_depth() -> None:
    value = json.loads(EVENT.value) | {"tomorrow": {"deep": [1]}}
    value["ranked"][0]["tomorrow"] = True
    assert reading(value=json.dumps(value).encode()) == reading()


def test_optional_fields_may_be_absent() -> None:
    value = {name: content for name, content in json.loads(EVENT.value).items() if name not in {"entered", "left"}}
    received = reading(value=json.dumps(value).encode())
    assert received is not None
    assert isinstance(received.payload, SuggestionsChanged)
    assert received.payload.entered == ()


@pytest.mark.parametrize("sent", ["org.preceptor.matching.moon.published.v1", "com.example.thing", "", "v2"])
def test_an_unknown_type_is_ignored_whatever_else_is_wrong_with_it(sent: str) -> None:
    assert reading(headers={"ce_type": sent.encode()}, key=None, value=b"{") is None


def test_a_record_without_a_type_is_ignored() -> None:
    assert read(key=EVENT.key, value=EVENT.value, headers=[]) is None


def test_a_newer_major_of_a_known_type_is_refused() -> None:
    newer = SuggestionsChanged.TYPE.replace(".v1", ".v2").encode()
    assert refused(headers={"ce_type": newer}).reason == "newer_major"
    assert refused(headers={"ce_type": newer}, value=b"{", key=None).reason == "newer_major"


@pytest.mark.parametrize(
    "value",
    [b"{", b"[]", b"null", b"\xff\xfe", b'"text"', b"{}", with_value(version="seven"), with_value(cause="mood")],
)
def test_an_invalid_value_is_malformed(value: bytes) -> None:
    assert refused(value=value).reason == "malformed"


def test_the_report_of_a_malformed_record_quotes_nothing_of_it() -> None:
    message = refused(value=with_value(version="a person's secret"))
    assert "secret" not in str(message)
    assert "version" in str(message)
    assert message.__cause__ is None


@pytest.mark.parametrize("value", [None, b""])
def test_a_tombstone_is_an_erasure_with_its_envelope(value: bytes | None) -> None:
    contact = golden(ContactChanged.TYPE)
    received = reading(contact, value=value)
    assert received is not None
    assert received.payload is None
    assert (received.envelope.subject, received.envelope.sequence) == (contact.headers["ce_subject"].decode(), 5)


@pytest.mark.parametrize("key", [None, b""])
def test_a_record_without_a_key_has_no_aggregate(key: bytes | None) -> None:
    assert refused(key=key).reason == "no_key"


@pytest.mark.parametrize(
    "headers",
    [
        {"ce_institution": b"elsewhere"},
        {"ce_institution": ...},
        {"ce_subject": b"somebody-else"},
        {"ce_subject": None},
        {"ce_sequence": ...},
        {"ce_sequence": None},
        {"ce_sequence": b"-1"},
        {"ce_sequence": b"1.0"},
        {"ce_sequence": b"\xff"},
        {"ce_sequence": "٣".encode()},
        {"ce_sequence": b"9" * 19},
        {"ce_id": ...},
        {"ce_id": b""},
    ],
)
def test_a_record_without_a_required_attribute_is_refused(headers: dict[str, Any]) -> None:
    assert refused(headers=headers).reason == "bad_attributes"


def test_a_payload_of_another_aggregate_than_its_key_is_refused() -> None:
    assert refused(value=with_value(enrolment="residency-2027.somebody-else")).reason == "bad_attributes"


@pytest.mark.parametrize("worthless", [None, b"\xff\xfe\x00", ...])
@pytest.mark.parametrize("name", ["ce_causationid", "ce_traceparent", "ce_time", "content-type", "x-foreign"])
def test_an_unneeded_null_or_binary_header_counts_as_absent(name: str, worthless: bytes | None) -> None:
    received = reading(headers={name: worthless})
    assert received is not None
    assert received.envelope.id == EVENT.headers["ce_id"].decode()


def test_without_a_correlation_id_the_facts_own_id_is_used() -> None:
    received = reading(headers={"ce_correlationid": ...})
    assert received is not None
    assert received.envelope.trace.correlation_id == received.envelope.id


def test_an_invalid_time_is_no_reason_to_refuse() -> None:
    received = reading(headers={"ce_time": b"yesterday"})
    assert received is not None
    assert received.envelope.time is None


@pytest.mark.parametrize("value", [b"{", b"[]", b"", None, b'"x"', b"\xff"])
def test_a_structured_event_that_is_not_an_object_is_malformed(value: bytes | None) -> None:
    headers = [("content-type", b"application/cloudevents+json; charset=utf-8")]
    with pytest.raises(Unreadable) as caught:
        read(key=EVENT.key, value=value, headers=headers)
    assert caught.value.reason == "malformed"


def test_an_event_names_the_fact_that_caused_it() -> None:
    received = reading()
    assert received is not None
    caused = received.envelope.trace_for_effects()
    assert caused.causation_id == received.envelope.id
    assert caused.correlation_id == received.envelope.trace.correlation_id
    assert replace(caused, causation_id=received.envelope.trace.causation_id) == received.envelope.trace
