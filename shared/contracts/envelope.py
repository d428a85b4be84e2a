"""CloudEvents 1.0 over Kafka (binary mode out, binary or structured in) for our payloads.

Source: CloudEvents 1.0.2, its Kafka Protocol Binding §3, and its registered extensions `partitionkey` and `sequence`.
"""

import hashlib
import json
import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from shared.contracts.catalogue import EVENTS, is_newer_major, is_private
from shared.contracts.payload import SEQUENCE_LIMIT, Payload

Headers = Sequence[tuple[str, bytes]]
_STRUCTURED = "application/cloudevents+json"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_FIELD = re.compile(r"[a-z_]{1,40}")
MAX_ATTRIBUTE = 300
"""Characters of an attribute, which is stored, queried or logged."""
_YEARS = range(2000, 2200)


class Unreadable(Exception):
    """A record that no retry can read. `reason` is a code; the text quotes nothing of the record."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Links a fact to its first request and to the fact that caused it (`traceparent`: W3C Trace Context)."""

    correlation_id: str
    causation_id: str | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """The attributes of a fact. `sequence` counts the aggregate's changes on its topic."""

    id: str
    type: str
    institution: str
    subject: str
    sequence: int
    time: datetime | None
    trace: Trace

    @property
    def key(self) -> str:
        return f"{self.institution}:{self.subject}"

    def trace_for_effects(self) -> Trace:
        """The trace of the facts that this fact causes. They may be public: a fact of a private topic is not named."""
        return Trace(
            correlation_id=self.trace.correlation_id,
            causation_id=None if is_private(self.type) else self.id,
            traceparent=self.trace.traceparent,
        )


def headers_of(envelope: Envelope) -> dict[str, str]:
    """The `ce_*` headers of a record in binary mode."""
    headers = {
        "ce_specversion": "1.0",
        "ce_type": envelope.type,
        "ce_source": _source(envelope),
        "ce_subject": envelope.subject,
        "ce_id": envelope.id,
        "ce_partitionkey": envelope.key,
        "ce_sequence": str(envelope.sequence),
        "ce_institution": envelope.institution,
        "ce_correlationid": envelope.trace.correlation_id,
        "content-type": "application/json",
    }
    optional = {
        "ce_time": envelope.time and envelope.time.isoformat().replace("+00:00", "Z"),
        "ce_causationid": envelope.trace.causation_id,
        "ce_traceparent": envelope.trace.traceparent,
    }
    return headers | {name: value for name, value in optional.items() if value}


@dataclass(frozen=True, slots=True)
class Received:
    """A readable record: its attributes and payload. A tombstone (an erasure) has no payload."""

    envelope: Envelope
    payload: Payload | None


def read(
    *, key: bytes | None, value: bytes | None, headers: Headers, types: Container[str] = EVENTS
) -> Received | None:
    """Reads a Kafka record; None where its type is not in `types`: such a record may be unreadable, and is ignored.

    Raises `Unreadable`: `no_key`, `bad_attributes`, `newer_major`, `malformed`.
    """
    attributes, data = _split(value, _texts(headers))
    event_type = attributes.get("type", "")
    if len(event_type) > MAX_ATTRIBUTE:
        raise Unreadable("bad_attributes", f"ce_type has more than {MAX_ATTRIBUTE} characters")
    if is_newer_major(event_type):
        raise Unreadable("newer_major", f"{event_type} is newer than this service knows")
    if event_type not in types:
        return None
    envelope = _envelope(key, attributes)
    return Received(envelope, _payload(envelope, data))


def _texts(headers: Headers) -> dict[str, str]:
    """Headers by name, without those that are null or not UTF-8."""
    texts = {}
    for name, value in headers:
        try:
            texts[name.lower()] = value.decode()
        except (UnicodeDecodeError, AttributeError):  # AttributeError: a null header
            continue
    return texts


def _split(value: bytes | None, headers: dict[str, str]) -> tuple[Mapping[str, Any], bytes | None]:
    if not headers.get("content-type", "").startswith(_STRUCTURED):
        return {name[3:]: text for name, text in headers.items() if name.startswith("ce_")}, value or None
    try:
        event = json.loads(value or b"")
        data = event.pop("data", None)
        attributes = {name: str(attribute) for name, attribute in event.items()}
        "".join(attributes.values()).encode()  # a lone surrogate is valid JSON, and cannot be encoded
        return attributes, None if data is None else json.dumps(data).encode()
    except (ValueError, AttributeError, TypeError, RecursionError):
        raise Unreadable("malformed", "a structured CloudEvent must be a JSON object") from None


def _envelope(key: bytes | None, attributes: Mapping[str, str]) -> Envelope:
    if not key:
        raise Unreadable("no_key", "the record has no key: it belongs to no aggregate")
    _refuse_long(attributes)
    institution, subject = attributes.get("institution", ""), attributes.get("subject", "")
    if not _ID.fullmatch(institution) or not _ID.fullmatch(subject) or key != f"{institution}:{subject}".encode():
        raise Unreadable("bad_attributes", "the key is not <ce_institution>:<ce_subject>")
    if not attributes.get("id"):
        raise Unreadable("bad_attributes", "ce_id is missing")
    envelope = Envelope(
        id=attributes["id"],
        type=attributes["type"],
        institution=institution,
        subject=subject,
        sequence=_sequence(attributes.get("sequence", "")),
        time=_time(attributes.get("time")),
        trace=Trace(
            correlation_id=attributes.get("correlationid") or _correlation(attributes),
            causation_id=attributes.get("causationid"),
            traceparent=attributes.get("traceparent"),
        ),
    )
    _refuse_contradictions(envelope, attributes)
    return envelope


def _correlation(attributes: Mapping[str, str]) -> str:
    """The correlation id of a record without one: its id; of a private record a digest that hides its id."""
    id = attributes["id"]
    return hashlib.sha256(id.encode()).hexdigest()[:32] if is_private(attributes["type"]) else id


def _refuse_long(attributes: Mapping[str, str]) -> None:
    """Refuses known attributes that are too long; unknown attributes are not used."""
    ours = ("id", "source", "partitionkey", "sequence", "time", "correlationid", "causationid", "traceparent")
    long = [name for name in ours if len(attributes.get(name, "")) > MAX_ATTRIBUTE]
    if long:
        raise Unreadable("bad_attributes", f"ce_{long[0]} has more than {MAX_ATTRIBUTE} characters")


def _refuse_contradictions(envelope: Envelope, attributes: Mapping[str, str]) -> None:
    """`source` and `partitionkey` repeat other attributes; a record that contradicts itself is forged."""
    if attributes.get("source", _source(envelope)) != _source(envelope):
        raise Unreadable("bad_attributes", "ce_source is not /institutions/<ce_institution>/<the type's service>")
    if attributes.get("partitionkey", envelope.key) != envelope.key:
        raise Unreadable("bad_attributes", "ce_partitionkey is not the record's key")


def _source(envelope: Envelope) -> str:
    return f"/institutions/{envelope.institution}/{envelope.type.split('.')[2]}"


def _sequence(text: str) -> int:
    """A sequence within the limits of epochs and of exact integers in JavaScript (`shared.epochs`)."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(SEQUENCE_LIMIT))):
        raise Unreadable("bad_attributes", "ce_sequence is not a whole number from 0")
    if int(text) >= SEQUENCE_LIMIT:
        raise Unreadable("bad_attributes", f"ce_sequence is not below {SEQUENCE_LIMIT}")
    return int(text)


def _time(text: str | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:  # `time` is informative: an invalid one is no reason to park the record
        return None
    return moment if moment and moment.year in _YEARS else None


def _payload(envelope: Envelope, data: bytes | None) -> Payload | None:
    if data is None:
        return None
    try:
        payload = EVENTS[envelope.type].model_validate_json(data)
    except ValidationError as wrong:
        places = sorted({_path(error["loc"]) for error in wrong.errors(include_input=False)})
        raise Unreadable("malformed", f"{envelope.type}: wrong at {', '.join(places[:5])}") from None
    if payload.aggregate != envelope.subject:
        raise Unreadable("bad_attributes", f"{envelope.type}: ce_subject is not the payload's own id")
    if payload.tenant != envelope.institution:
        raise Unreadable("bad_attributes", f"{envelope.type}: ce_institution is not the payload's own institution")
    return payload


def _path(location: Sequence[str | int]) -> str:
    """The path of a wrong value. A mapping's key is part of the record, which no error quotes."""
    named = [str(part) if isinstance(part, int) or _FIELD.fullmatch(part) else "*" for part in location]
    return ".".join(named) or "(root)"
