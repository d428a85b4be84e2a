"""How often a calendar may be read: steadily by the programs of one person, and not in a loop. Pure."""

from collections import OrderedDict
from datetime import datetime, timedelta


class ReadLimit:
    """The generic cell rate algorithm, for each address: `reads` at once, and as many in each `period` on average.

    Counts the reads of one process; addresses that were not read for long are forgotten beyond `addresses`.
    """

    def __init__(self, *, reads: int, period: timedelta, addresses: int = 10_000) -> None:
        self._interval = period / reads
        self._burst = period - self._interval
        self._addresses = addresses
        self._expected: OrderedDict[str, datetime] = OrderedDict()
        """By address: when its next read would come if it came steadily."""

    def wait(self, address: str, now: datetime) -> timedelta | None:
        """How long until the address may be read again; None counts a read, which is allowed."""
        expected = max(self._expected.get(address, now), now)
        if expected - now > self._burst:
            return expected - now - self._burst
        self._expected[address] = expected + self._interval
        self._expected.move_to_end(address)
        if len(self._expected) > self._addresses:
            self._expected.popitem(last=False)
        return None
