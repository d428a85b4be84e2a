"""The only place that reads a clock or mints an id; everything else takes a `Clock`."""

import hashlib
import time
import uuid
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


def derived_id(cause: str, of: str) -> str:
    """A UUIDv7 of what follows from a cause, the same each time: with the cause's own time, if that is one too."""
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
