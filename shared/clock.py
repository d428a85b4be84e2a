"""The only place that reads a clock or mints an id; everything else takes a `Clock`."""

import hashlib
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Protocol

import uuid_utils


class Clock(Protocol):
    def now(self) -> datetime:
        """UTC, to the millisecond, which is the precision of MongoDB and of events."""

    def monotonic(self) -> float:
        """Seconds that never decrease, to measure durations."""

    def new_id(self) -> str:
        """A UUIDv7 (RFC 9562): unique, and increasing within one process."""


def derived_id(cause: str, of: str) -> str:
    """A deterministic UUIDv7 of the effect `of` of a cause; has the cause's time if the cause is a UUID."""
    digest = int.from_bytes(hashlib.sha256(f"{cause}\n{of}".encode()).digest()[:16])
    try:
        at = uuid.UUID(cause).int >> 80
    except ValueError:
        at = digest >> 80
    return str(uuid.UUID(int=at << 80 | 7 << 76 | (digest >> 64 & 0xFFF) << 64 | 2 << 62 | digest & (1 << 62) - 1))


class SystemClock:
    def now(self) -> datetime:
        now = datetime.now(UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def monotonic(self) -> float:
        return time.monotonic()

    def new_id(self) -> str:
        return str(uuid_utils.uuid7())


class AdjustableClock(SystemClock):
    """A time of day that is ahead, for development and tests. Ids and durations are those of the system."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead
