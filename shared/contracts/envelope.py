"""CloudEvents 1.0 over Kafka (binary mode out, binary or structured in) for our payloads.

Source: CloudEvents 1.0.2, its Kafka Protocol Binding §3, and its registered extensions `partitionkey` and `sequence`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from shared.contracts.catalogue import EVENTS, is_newer_major
from shared.contracts.payload import Payload

Headers = Sequence[tuple[str, bytes]]
_STRUCTURED = "application/cloudevents+json"


class Unreadable(Exception):
    """A record that no retry will make readable. `reason` is a code; the text quotes nothing of it."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Ties a fact to the request that began it and the fact that caused it (`traceparent`: W3C Trace Context)."""

    correlation_id: str
    causation_id: str | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One fact's attributes. `sequence` counts an aggregate's changes on its topic."""

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

    def caused(self) -> Trace:
        """The trace of whatever follows from this fact."""
        return Trace(correlation_id=self.trace.correlation_id, causation_id=self.id, traceparent=self.trace.traceparent)


def headers_of(envelope: Envelope) -> dict[str, str]:
    """The `ce_*` headers of a record in binary mode."""
    service = envelope.type.split(".")[2]
    headers = {
        "ce_specversion": "1.0",
        "ce_type": envelope.type,
        "ce_source": f"/institutions/{envelope.institution}/{service}",
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
    """A readable record: its attributes, and its payload or, for a tombstone (an erasure), none."""

    envelope: Envelope
    payload: Payload | None


def read(*, key: bytes | None, value: bytes | None, headers: Headers) -> Received | None:
    """What a Kafka record says; None for a type that we do not know, which is ignored.

    Raises `Unreadable`: `no_key`, `bad_attributes`, `newer_major`, `malformed`.
    """
    attributes, data = _split(value, _texts(headers))
    event_type = attributes.get("type", "")
    if is_newer_major(event_type):
        raise Unreadable("newer_major", f"{event_type} is newer than this service knows")
    if event_type not in EVENTS:
        return None
    envelope = _envelope(key, attributes)
    return Received(envelope, _payload(envelope, data))


def _texts(headers: Headers) -> dict[str, str]:
    """Headers by name; one that is null or no UTF-8 is as good as absent."""
    texts = {}
    for name, value in headers:
        try:
            texts[name.lower()] = value.decode()
        except (UnicodeDecodeError, AttributeError):
            continue
    return texts


def _split(value: bytes | None, headers: dict[str, str]) -> tuple[Mapping[str, Any], bytes | None]:
    if not headers.get("content-type", "").startswith(_STRUCTURED):
        return {name[3:]: text for name, text in headers.items() if name.startswith("ce_")}, value or None
    try:
        event = json.loads(value or b"")
        data = event.pop("data", None)
        attributes = {name: str(attribute) for name, attribute in event.items()}
        "".join(attributes.values()).encode()  # half a surrogate pair is valid JSON and no text
        return attributes, None if data is None else json.dumps(data).encode()
    except (ValueError, AttributeError, TypeError, RecursionError):
        raise Unreadable("malformed", "a structured CloudEvent that is no JSON object") from None


def _envelope(key: bytes | None, attributes: Mapping[str, str]) -> Envelope:
    if not key:
        raise Unreadable("no_key", "the record has no key: it belongs to no aggregate")
    institution, subject = attributes.get("institution", ""), attributes.get("subject", "")
    if not institution or not subject or key != f"{institution}:{subject}".encode():
        raise Unreadable("bad_attributes", "the key is not <ce_institution>:<ce_subject>")
    sequence = attributes.get("sequence", "")
    if not (sequence.isascii() and sequence.isdigit() and len(sequence) <= 18):  # noqa: PLR2004 -- fits int64
        raise Unreadable("bad_attributes", "ce_sequence is not a whole number from 0")
    if not attributes.get("id"):
        raise Unreadable("bad_attributes", "ce_id is missing")
    return Envelope(
        id=attributes["id"],
        type=attributes["type"],
        institution=institution,
        subject=subject,
        sequence=int(sequence),
        time=_time(attributes.get("time")),
        trace=Trace(
            correlation_id=attributes.get("correlationid") or attributes["id"],
            causation_id=attributes.get("causationid"),
            traceparent=attributes.get("traceparent"),
        ),
    )


def _time(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


def _payload(envelope: Envelope, data: bytes | None) -> Payload | None:
    if data is None:
        return None
    try:
        payload = EVENTS[envelope.type].model_validate_json(data)
    except ValidationError as wrong:
        places = sorted({".".join(map(str, error["loc"])) or "(root)" for error in wrong.errors(include_input=False)})
        raise Unreadable("malformed", f"{envelope.type}: wrong at {', '.join(places[:5])}") from None
    if payload.aggregate != envelope.subject:
        raise Unreadable("bad_attributes", f"{envelope.type}: ce_subject is not the payload's own id")
    return payload
