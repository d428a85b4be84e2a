"""An envelope survives its own headers, and nothing that Kafka may hold raises anything but `Unreadable`."""

import json
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.catalogue import EVENTS
from shared.contracts.envelope import Envelope, Received, Trace, Unreadable, headers_of, read
from shared.contracts.profiles import InstitutionChanged

REASONS = {"no_key", "bad_attributes", "newer_major", "malformed"}
ids = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}", fullmatch=True)
words = st.text(min_size=1, max_size=40)
moments = st.datetimes(timezones=st.just(UTC))
traces = st.builds(Trace, correlation_id=words, causation_id=st.none() | words, traceparent=st.none() | words)
envelopes = st.builds(
    Envelope,
    id=ids,
    type=st.just(InstitutionChanged.TYPE),
    institution=ids,
    subject=ids,
    sequence=st.integers(0, 10**18 - 1),
    time=st.none() | moments,
    trace=traces,
)
names = st.sampled_from(
    ["content-type", *(f"ce_{name}" for name in ("type", "id", "subject", "institution", "sequence", "time", "data"))]
)
types = st.sampled_from([name.encode() for name in EVENTS] + [b"org.preceptor.profiles.member.changed.v2"])
garbage = st.binary(max_size=60) | types | st.just(b"application/cloudevents+json") | st.just(b"1")
headers = st.lists(st.tuples(names | st.text(max_size=10), garbage | st.none()), max_size=12)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10)
trees = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
values = st.none() | st.binary(max_size=80) | trees.map(lambda tree: json.dumps(tree).encode())


def reading(key: bytes | None, value: bytes | None, headers: Any) -> Received | str | None:
    try:
        return read(key=key, value=value, headers=headers)
    except Unreadable as told:
        return told.reason


def said_nothing_else(told: Received | str | None) -> None:
    assert told is None or isinstance(told, Received) or told in REASONS


def as_sent(envelope: Envelope) -> list[tuple[str, bytes]]:
    return [(name, text.encode()) for name, text in headers_of(envelope).items()]


@given(envelopes)
def test_what_is_written_is_read_as_a_tombstone_too(envelope: Envelope) -> None:
    received = reading(envelope.key.encode(), None, as_sent(envelope))
    assert received == Received(envelope, None)


@given(envelopes, st.randoms(use_true_random=False))
def test_the_order_and_case_of_headers_say_nothing(envelope: Envelope, chance: Any) -> None:
    sent = [(name.upper(), value) for name, value in as_sent(envelope)]
    chance.shuffle(sent)
    assert reading(envelope.key.encode(), None, sent) == Received(envelope, None)


@given(st.none() | st.binary(max_size=40), values, headers)
def test_garbage_is_unreadable_or_unknown_and_nothing_else(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]]
) -> None:
    said_nothing_else(reading(key, value, headers))


@given(envelopes, st.sampled_from(sorted(EVENTS)), values)
def test_a_value_of_any_shape_under_good_headers_is_malformed_or_somebody_elses(
    envelope: Envelope, event_type: str, value: bytes | None
) -> None:
    sent = [*as_sent(envelope), ("ce_type", event_type.encode())]
    told = reading(envelope.key.encode(), value, sent)
    assert told in {"malformed", "bad_attributes"} if value else isinstance(told, Received)


@given(trees, st.none() | st.binary(max_size=20))
def test_a_structured_event_of_any_shape_does_no_harm(tree: Any, key: bytes | None) -> None:
    typed = {**tree, "type": InstitutionChanged.TYPE} if isinstance(tree, dict) else tree
    said_nothing_else(reading(key, json.dumps(typed).encode(), [("content-type", b"application/cloudevents+json")]))


@pytest.mark.parametrize("name", ["institution", "subject", "id", "sequence", "correlationid", "time"])
def test_half_a_surrogate_pair_is_no_attribute(name: str) -> None:
    event = {"type": InstitutionChanged.TYPE, "institution": "a", "subject": "a", "id": "1", "sequence": "1"}
    sent = json.dumps({**event, name: "\ud800"}).encode()
    assert reading(b"a:a", sent, [("content-type", b"application/cloudevents+json")]) == "malformed"


def test_a_value_nested_beyond_reason_is_malformed() -> None:
    deep = b"[" * 100_000
    envelope = Envelope(
        id="1",
        type=InstitutionChanged.TYPE,
        institution="a",
        subject="a",
        sequence=1,
        time=None,
        trace=Trace(correlation_id="c"),
    )
    assert reading(b"a:a", deep, as_sent(envelope)) == "malformed"
    assert reading(b"a:a", deep, [("content-type", b"application/cloudevents+json")]) == "malformed"
    wide = b'{"type": "' + InstitutionChanged.TYPE.encode() + b'", "sequence": ' + b"9" * 5000 + b"}"
    assert reading(b"a:a", wide, [("content-type", b"application/cloudevents+json")]) in REASONS
