"""Records as the relay publishes them, and a reaction that fails on demand."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer

from shared.contracts.envelope import Envelope, Received, Trace, headers_of
from shared.contracts.matching import SuggestionsChanged
from shared.contracts.payload import Payload
from shared.errors import Conflict
from shared.mongo import Transaction
from tests.component.conftest import Plumbing
from tests.eventually import eventually


def suggestions(tenant: str, mentee: str, version: int = 1) -> SuggestionsChanged:
    return SuggestionsChanged(
        enrolment=f"p.{mentee}",
        programme="p",
        mentee=mentee,
        institution=tenant,
        version=version,
        ranked=(),
        cause="own_change",
    )


def record(
    plumbing: Plumbing, payload: Payload, tenant: str, *, sequence: int = 1, id: str | None = None, **changed: Any
) -> dict[str, Any]:
    """A record as the relay would publish it, with whatever a test puts in its place."""
    envelope = Envelope(
        id=id or plumbing.clock.new_id(),
        type=payload.TYPE,
        institution=tenant,
        subject=payload.aggregate,
        sequence=sequence,
        time=plumbing.now(),
        trace=Trace(correlation_id="c"),
    )
    headers: Mapping[str, str] = headers_of(envelope) | changed.pop("headers", {})
    whole = {
        "topic": payload.TOPIC,
        "key": envelope.key.encode(),
        "value": payload.model_dump_json().encode(),
        "headers": [(name, text.encode()) for name, text in headers.items()],
    }
    return whole | changed


async def send(producer: AIOKafkaProducer, records: Sequence[dict[str, Any]]) -> None:
    for record in records:
        await producer.send_and_wait(**record)


@dataclass(frozen=True, slots=True)
class Sent:
    """A record as aiokafka gives it."""

    topic: str
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    partition: int = 3


class Effects:
    """A reaction that writes a document per event, for the tenant of its test, and fails on demand."""

    def __init__(self, plumbing: Plumbing, tenant: str) -> None:
        self.plumbing = plumbing
        self.tenant = tenant
        self.seen: list[tuple[str, int]] = []
        self.refuse: set[str] = set()
        self.fault: set[str] = set()
        self.fault_at: set[int] = set()
        self.before: Callable[[str], None] | None = None

    def __call__(self, received: Received, transaction: Transaction) -> None:
        payload = received.payload
        if received.envelope.institution != self.tenant or not isinstance(payload, SuggestionsChanged):
            return
        if self.before is not None:
            self.before(payload.mentee)
        if payload.mentee in self.refuse:
            raise Conflict("not_like_this", "never")
        if payload.mentee in self.fault or payload.version in self.fault_at:
            raise RuntimeError(payload.mentee)
        effect = {"mentee": payload.mentee, "version": payload.version}
        transaction["effects"].insert_one(effect, session=transaction.session)
        self.seen.append((payload.mentee, payload.version))

    async def effects(self) -> list[tuple[str, int]]:
        found = self.plumbing.database["effects"].find().sort("_id")
        return [(document["mentee"], document["version"]) async for document in found]


async def have(effects: Effects, expected: Sequence[tuple[str, int]], *, within: float = 20) -> None:
    async def arrived() -> None:
        assert sorted(await effects.effects()) == sorted(expected)

    async def check() -> bool:
        await arrived()
        return True

    await eventually(check, within=within, message="the effects")


async def parked(plumbing: Plumbing, tenant: str) -> list[tuple[str, int]]:
    """(reason, version) of what is parked for this tenant, in order."""
    waiting = [parked for parked in await plumbing.parking.waiting() if tenant.encode() in (parked.key or b"")]
    return [(parked.reason, json.loads(parked.value or b"{}").get("version", 0)) for parked in waiting]
