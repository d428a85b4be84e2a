"""Decides whether a failed record is retried or parked, and parks it.

Outages are raised: waiting helps, parking would not. Faults are retried a few times before the record is parked;
permanent failures park it at once.
"""

from collections.abc import Sequence
from datetime import timedelta

from pydantic import ValidationError

from shared import kafka, mongo
from shared.clock import Clock
from shared.consuming.parking import Parking, ParkReason, ParkRequest, Record
from shared.consuming.projection import ANOTHER_INSTITUTION
from shared.contracts.envelope import Received
from shared.errors import DomainError
from shared.telemetry import Metrics, logger

ATTEMPTS = 3
ATTEMPT_WAITS_SECONDS = (0.1, 0.5)
BEHIND_PARKED = ParkReason("behind_parked", "an earlier record of this key is parked")
_RETRY_FIRST_SECONDS = 10
_RETRY_LAST_SECONDS = 3600
_log = logger(__name__)


class Failures:
    """The failures of one consumer."""

    def __init__(self, consumer: str, parking: Parking, clock: Clock, metrics: Metrics) -> None:
        self._consumer = consumer
        self._parking = parking
        self._clock = clock
        self._metrics = metrics

    def park_reason(self, failure: Exception, event: Received, *, attempt: int) -> ParkReason | None:
        """Returns None where another attempt is due. Raises an outage."""
        detail = describe(failure, event)
        if isinstance(failure, (DomainError, ValidationError)):
            is_forged = isinstance(failure, DomainError) and failure.code == ANOTHER_INSTITUTION
            return ParkReason(ANOTHER_INSTITUTION if is_forged else "handler_refused", detail, attempts=attempt)
        if is_outage(failure):
            raise failure
        if mongo.refuses_value(failure):
            return ParkReason("value_refused", detail, attempts=attempt)
        if attempt < ATTEMPTS:
            return None
        _log.error("reaction failed", consumer=self._consumer, fact=event.envelope.id, exc_info=failure)
        return self.with_retry_time(ParkReason("handler_failed", detail, attempts=attempt), attempt)

    def with_retry_time(self, reason: ParkReason, attempts: int) -> ParkReason:
        """Adds the next retry time, with exponential back-off, to faults; other failures wait for the operator.

        No jitter: one loop retries records sequentially, however many are due.
        """
        if reason.reason != "handler_failed":
            return reason
        wait = min(_RETRY_FIRST_SECONDS * 2 ** min(attempts, 10), _RETRY_LAST_SECONDS)
        return ParkReason(reason.reason, reason.detail, self._clock.now() + timedelta(seconds=wait), reason.attempts)

    def request(self, record: Record, reason: ParkReason, *, blocks: bool) -> ParkRequest:
        return ParkRequest(record=record, cause=reason, id=self._clock.new_id(), blocks=blocks)

    async def park(self, requests: Sequence[ParkRequest]) -> None:
        for request in requests:
            topic, partition, offset = request.position
            reason, detail = request.cause.reason, request.cause.detail
            position = {"topic": topic, "partition": partition, "offset": offset}
            _log.warning("record parked", consumer=self._consumer, **position, reason=reason, detail=detail)
        await self._parking.park(requests, consumer=self._consumer, now=self._clock.now())
        self._metrics.records.labels(self._consumer, "parked").inc(len(requests))


def is_outage(failure: BaseException) -> bool:
    return mongo.is_outage(failure) or kafka.is_outage(failure)


def describe(failure: BaseException, event: Received) -> str:
    """The event's type and the failure's code or type. The failure's text may quote the record, so it is not logged."""
    name = failure.code if isinstance(failure, DomainError) else type(failure).__name__
    return f"{event.envelope.type}: {name}"
