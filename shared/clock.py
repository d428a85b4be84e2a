"""The only place that reads a clock or mints an id; everything else takes a `Clock`."""

import time
from datetime import UTC, datetime
from typing import Protocol

import uuid_utils


class Clock(Protocol):
    def now(self) -> datetime:
        """UTC, to the millisecond: what MongoDB keeps and events carry."""

    def monotonic(self) -> float:
        """Seconds that never run backwards, for measuring waits."""

    def new_id(self) -> str:
        """A UUIDv7 (RFC 9562): unique, and rising with time within one process."""


class SystemClock:
    def now(self) -> datetime:
        now = datetime.now(UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    def monotonic(self) -> float:
        return time.monotonic()

    def new_id(self) -> str:
        return str(uuid_utils.uuid7())
