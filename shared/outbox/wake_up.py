"""What the doorbell says of the outbox, and when that is all there is to know (ADR 0009).

While `_are_all`, what is pending is what rang and was not taken yet, in the order of its commits: everything before was
found and sent, nothing failed, and no bulk row, of which one for each transaction rings, has come since.
"""

from collections.abc import Iterable
from itertools import takewhile

from shared.clock import Clock
from shared.mongo import Document

_AT_ONCE = 32
"""More than these are found, not taken as they rang."""
_LATE_SECONDS = 60.0
"""So long after its row was sent a ring may still come; one still later would send the fact again, under its id."""
_SENT_AT_MOST = 20_000


class WakeUps:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: list[Document] = []
        self._is_open = False
        self._are_all = False
        self._sent: dict[str, float] = {}
        """When, by id, in the order of sending: rows that were found may ring still."""

    def open(self) -> None:
        """What is committed from now on rings; what was committed before never will."""
        self._is_open = True
        self._are_all = False

    def hear(self, row: Document) -> None:
        if row["bulk"] or len(self._waiting) == _AT_ONCE:
            self._are_all = False
        else:
            self._waiting.append(row)

    def distrust(self) -> None:
        """Something is pending that is not waiting here."""
        self._are_all = False

    def begin_anew(self) -> None:
        """Just before a find: it finds whatever rang up to now."""
        self._waiting.clear()
        self._are_all = self._is_open

    def sent(self, rows: Iterable[Document]) -> None:
        now = self._clock.monotonic()
        self._sent |= {row["_id"]: now for row in rows if not row["bulk"]}

    def take(self) -> list[Document] | None:
        """What is to be sent; None where only a find can tell."""
        self._forget()
        if not self._are_all or len(self._sent) > _SENT_AT_MOST:
            return None
        taken, self._waiting = self._waiting, []
        return [row for row in taken if row["_id"] not in self._sent]

    def _forget(self) -> None:
        oldest = self._clock.monotonic() - _LATE_SECONDS
        for row in list(takewhile(lambda row: self._sent[row] < oldest, self._sent)):
            del self._sent[row]
