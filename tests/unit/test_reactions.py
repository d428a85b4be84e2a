"""What the consumer of reactions reads and queries, without servers."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from shared.consuming.consumer import Consumers
from shared.consuming.failures import Failures
from shared.consuming.parking import Parking, ParkRequest
from shared.consuming.reactions import ReactionConsumer
from shared.contracts.envelope import Envelope, Received, Trace, headers_of
from shared.contracts.matching import MatchingErasureCompleted
from shared.contracts.notifications import NotificationRecorded
from shared.contracts.payload import Payload
from shared.mongo import Database, Transaction
from shared.telemetry import Metrics

NOW = datetime(2027, 1, 4, 9, tzinfo=UTC)


class FixedClock:
    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0

    def new_id(self) -> str:
        return "new"


@dataclass(slots=True)
class ParkingInMemory:
    lookups: list[Sequence[bytes]] = field(default_factory=list)
    parked: list[str] = field(default_factory=list)
    counted: Mapping[tuple[str, str], int] = field(default_factory=dict)
    looked_for_due: list[str] = field(default_factory=list)

    def blocked(self, _consumer: str, keys: Sequence[bytes]) -> set[bytes]:
        self.lookups.append(keys)
        return set()

    async def counts(self) -> Mapping[tuple[str, str], int]:
        return self.counted

    async def heads(self, consumer: str, *, now: datetime) -> list[bytes]:  # noqa: ARG002
        self.looked_for_due.append(consumer)
        return []

    async def park(self, requests: Sequence[ParkRequest], *, consumer: str, now: datetime) -> None:  # noqa: ARG002
        self.parked += [request.cause.reason for request in requests]


@dataclass(frozen=True, slots=True)
class Record:
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    topic: str = "notifications.events"
    partition: int = 0
    offset: int = 0


def record(payload: Payload, *, value: bytes | None = None) -> Record:
    envelope = Envelope(
        id="fact",
        type=payload.TYPE,
        institution=payload.tenant,
        subject=payload.aggregate,
        sequence=1,
        time=NOW,
        trace=Trace(correlation_id="c"),
    )
    headers = [(name, text.encode()) for name, text in headers_of(envelope).items()]
    return Record(envelope.key.encode(), value or payload.model_dump_json().encode(), headers)


OF_NO_INTEREST = NotificationRecorded(
    notification="n", member="mia", institution="north", template="t", occasion="o", position=1
)

OF_INTEREST = MatchingErasureCompleted(erasure="e", member="mia", institution="north")


def react(_received: Received, _writing: Transaction) -> None:
    raise AssertionError


async def handled(*records: Record) -> tuple[ParkingInMemory, Metrics]:
    """By a consumer that reacts to receipts of erasures only, and has no database."""
    parking, metrics, clock = ParkingInMemory(), Metrics(), FixedClock()
    with ThreadPoolExecutor(max_workers=1) as lookups:
        await ReactionConsumer(
            "c",
            {MatchingErasureCompleted.TYPE: react},
            cast(Database, None),
            parking=cast(Parking, parking),
            failures=Failures("c", cast(Parking, parking), clock, metrics),
            clock=clock,
            metrics=metrics,
            lookups=lookups,
        ).handle(cast(Sequence[Any], records))
    return parking, metrics


async def test_records_without_a_reaction_are_counted_and_cost_no_query() -> None:
    parking, metrics = await handled(*[record(OF_NO_INTEREST)] * 20)
    assert (parking.lookups, parking.parked) == ([], [])
    assert metrics.registry.get_sample_value("preceptor_records_total", {"consumer": "c", "result": "ignored"}) == 20


async def test_a_record_that_cannot_be_read_is_parked_only_where_its_type_has_a_reaction() -> None:
    parking, _ = await handled(record(OF_NO_INTEREST, value=b"{nonsense"), record(OF_INTEREST, value=b"{nonsense"))
    assert parking.parked == ["malformed"]
    assert parking.lookups == [[b"north:e"]]


class Unsubscribed(Consumers):
    def _subscribe(self, *_: Any) -> None:
        """Without Kafka."""


@pytest.mark.parametrize(("parked_by", "looked_for_due"), [("s.projection", []), ("s.reaction", ["s.reaction"])])
async def test_due_records_are_looked_for_only_where_the_consumer_has_parked_any(
    parked_by: str, looked_for_due: list[str]
) -> None:
    parking = ParkingInMemory(counted={(parked_by, "malformed"): 1})
    consumers = Unsubscribed(
        cast(Any, None),
        cast(Database, None),
        service="s",
        parking=cast(Parking, parking),
        clock=FixedClock(),
        metrics=Metrics(),
        watchdog=cast(Any, None),
    )
    consumers.reaction({MatchingErasureCompleted: react})
    assert await consumers.retry_due() == 0
    assert parking.looked_for_due == looked_for_due
