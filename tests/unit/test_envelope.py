"""An envelope survives its own headers, and nothing that Kafka may hold raises anything but `Unreadable`."""

import json
from dataclasses import replace
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.catalogue import EVENTS, PRIVATE
from shared.contracts.envelope import Envelope, Received, Trace, Unreadable, headers_of, read
from shared.contracts.profiles import ContactChanged, InstitutionChanged

REASONS = {"no_key", "bad_attributes", "newer_major", "malformed"}
ids = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,60}", fullmatch=True)
words = st.text(min_size=1, max_size=40)
moments = st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(year=2000 + moment.year % 50 * 4))
traces = st.builds(Trace, correlation_id=words, causation_id=st.none() | words, traceparent=st.none() | words)
envelopes = st.builds(
    Envelope,
    id=ids,
    type=st.just(InstitutionChanged.TYPE),
    institution=ids,
    subject=ids,
    sequence=st.integers(0, 2**53 - 1),
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
    except Unreadable as refused:
        return refused.reason


def is_read_or_refused(result: Received | str | None) -> None:
    assert result is None or isinstance(result, Received) or result in REASONS


def as_sent(envelope: Envelope) -> list[tuple[str, bytes]]:
    return [(name, text.encode()) for name, text in headers_of(envelope).items()]


@given(envelopes)
def test_an_envelope_is_read_as_it_was_written_as_a_tombstone_too(envelope: Envelope) -> None:
    received = reading(envelope.key.encode(), None, as_sent(envelope))
    assert received == Received(envelope, None)


@given(envelopes, st.randoms(use_true_random=False))
def test_the_order_and_case_of_headers_do_not_matter(envelope: Envelope, chance: Any) -> None:
    sent = [(name.upper(), value) for name, value in as_sent(envelope)]
    chance.shuffle(sent)
    assert reading(envelope.key.encode(), None, sent) == Received(envelope, None)


@given(st.none() | st.binary(max_size=40), values, headers)
def test_garbage_is_unreadable_or_of_an_unknown_type(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes | None]]
) -> None:
    is_read_or_refused(reading(key, value, headers))


@given(envelopes, st.sampled_from(sorted(EVENTS)), values)
def test_any_value_under_valid_headers_is_malformed_or_of_another_aggregate(
    envelope: Envelope, event_type: str, value: bytes | None
) -> None:
    result = reading(envelope.key.encode(), value, as_sent(replace(envelope, type=event_type)))
    assert result in {"malformed", "bad_attributes"} if value else isinstance(result, Received)


def good(event_type: str = InstitutionChanged.TYPE) -> tuple[Envelope, dict[str, bytes]]:
    trace = Trace(correlation_id="c", causation_id="before")
    envelope = Envelope(id="1", type=event_type, institution="a", subject="a", sequence=1, time=None, trace=trace)
    return envelope, {name: text.encode() for name, text in headers_of(envelope).items()}


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("ce_source", b"/institutions/b/profiles"),
        ("ce_source", b"/institutions/a/matching"),
        ("ce_partitionkey", b"b:a"),
        ("ce_institution", b"b"),
        ("ce_subject", b"b"),
        ("ce_sequence", b"9007199254740992"),
        ("ce_sequence", b"9" * 5_000),
        ("ce_id", b"x" * 301),
        ("ce_correlationid", b"x" * 301),
        ("ce_causationid", b"x" * 301),
        ("ce_type", InstitutionChanged.TYPE.encode() + b"9" * 5_000),
    ],
)
@pytest.mark.parametrize("value_of_record", [None, b'{"institution": "a", "name": "A", "status": "active"}'])
def test_contradicting_or_overlong_headers_are_refused_on_tombstones_too(
    header: str, value: bytes, value_of_record: bytes | None
) -> None:
    envelope, sent = good()
    changed = list({**sent, header: value}.items())
    assert isinstance(reading(envelope.key.encode(), value_of_record, list(sent.items())), Received)
    assert reading(envelope.key.encode(), value_of_record, changed) == "bad_attributes"


@pytest.mark.parametrize("id", [" ", "a:b", "x" * 129, "é", "a\n"])
def test_a_tombstone_whose_key_is_not_an_id_is_refused(id: str) -> None:
    _, sent = good()
    changed = {**sent, "ce_institution": id.encode(), "ce_subject": id.encode()}
    assert reading(f"{id}:{id}".encode(), None, list(changed.items())) == "bad_attributes"


def test_a_payload_of_another_institution_than_its_key_is_not_trusted() -> None:
    value = ContactChanged(member="m", institution="b", name="N", email="e").model_dump_json().encode()
    envelope, sent = good(ContactChanged.TYPE)
    changed = {**sent, "ce_subject": b"m", "ce_partitionkey": b"a:m"}
    assert reading(b"a:m", value, list(changed.items())) == "bad_attributes"
    assert envelope.institution == "a"


@pytest.mark.parametrize("event_type", EVENTS)
def test_an_event_caused_by_a_private_record_does_not_name_it(event_type: str) -> None:
    envelope, sent = good(event_type)
    without_correlation = [(name, value) for name, value in sent.items() if name != "ce_correlationid"]
    for headers in (list(sent.items()), without_correlation):
        received = read(key=envelope.key.encode(), value=None, headers=headers)
        assert received is not None
        followed = received.envelope.trace_for_effects()
        if EVENTS[event_type].TOPIC in PRIVATE:
            assert followed.causation_id is None
            assert followed.correlation_id != envelope.id
        else:
            assert followed.causation_id == envelope.id


@given(trees, st.none() | st.binary(max_size=20))
def test_a_structured_event_of_any_shape_does_no_harm(tree: Any, key: bytes | None) -> None:
    typed = {**tree, "type": InstitutionChanged.TYPE} if isinstance(tree, dict) else tree
    is_read_or_refused(reading(key, json.dumps(typed).encode(), [("content-type", b"application/cloudevents+json")]))


@pytest.mark.parametrize("name", ["institution", "subject", "id", "sequence", "correlationid", "time"])
def test_half_a_surrogate_pair_is_refused_as_an_attribute(name: str) -> None:
    event = {"type": InstitutionChanged.TYPE, "institution": "a", "subject": "a", "id": "1", "sequence": "1"}
    sent = json.dumps({**event, name: "\ud800"}).encode()
    assert reading(b"a:a", sent, [("content-type", b"application/cloudevents+json")]) == "malformed"


def test_a_value_that_is_nested_too_deeply_is_malformed() -> None:
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
