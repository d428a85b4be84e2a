"""Collects outbox rows from the change stream, and knows when they are all that is pending (ADR 0009).

While `_is_complete`, the pending rows are exactly the collected ones, in commit order: all earlier rows were found and
sent, no row failed, and no bulk row has been inserted since (the stream delivers one bulk row for each transaction).
"""

from collections.abc import Iterable
from itertools import takewhile

from shared.clock import Clock
from shared.mongo import Document

_MAX_COLLECTED = 32
"""At most so many rows are sent as the stream delivered them; more are found by a query."""
_LATE_SECONDS = 60.0
"""How late the stream may deliver a row that was sent; an even later one is sent again, under the same event id."""
_MAX_SENT = 20_000


class WakeUps:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._collected: list[Document] = []
        self._is_open = False
        self._is_complete = False
        self._sent: dict[str, float] = {}
        """Sending time by row id, in order: the stream may still deliver rows that a query found."""

    def open(self) -> None:
        """The stream delivers rows that are committed from now on, and none that were committed before."""
        self._is_open = True
        self._is_complete = False

    def on_insert(self, row: Document) -> None:
        if row["bulk"] or len(self._collected) == _MAX_COLLECTED:
            self._is_complete = False
        else:
            self._collected.append(row)

    def mark_incomplete(self) -> None:
        """A row may be pending that was not collected here."""
        self._is_complete = False

    def reset(self) -> None:
        """Call just before a query, which finds every row that the stream delivered up to now."""
        self._collected.clear()
        self._is_complete = self._is_open

    def mark_sent(self, rows: Iterable[Document]) -> None:
        now = self._clock.monotonic()
        self._sent |= {row["_id"]: now for row in rows if not row["bulk"]}

    def take(self) -> list[Document] | None:
        """Returns the rows to send; None where only a query can tell."""
        self._expire_sent()
        if not self._is_complete or len(self._sent) > _MAX_SENT:
            return None
        taken, self._collected = self._collected, []
        return [row for row in taken if row["_id"] not in self._sent]

    def _expire_sent(self) -> None:
        oldest = self._clock.monotonic() - _LATE_SECONDS
        for row in list(takewhile(lambda row: self._sent[row] < oldest, self._sent)):
            del self._sent[row]
