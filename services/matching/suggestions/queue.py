"""The queue of lists to renew. Order: own changes (institutions in turn), lists of shards just taken over, lists that
other people's changes touch (coalesced per list until due), lists that are ahead of the mentee's profile (when due).
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from services.matching.suggestions.domain import Enrolment
from shared.contracts.matching import Cause


@dataclass(frozen=True, slots=True)
class Origin:
    """The event that caused a change, and its correlation id."""

    event: str | None
    correlation: str


@dataclass(frozen=True, slots=True)
class Renewal:
    enrolment: Enrolment
    cause: Cause
    origin: Origin
    at: float
    """Monotonic seconds: when an own change was queued; when any other renewal is due."""


class RenewalQueue:
    def __init__(self) -> None:
        self._own: OrderedDict[str, OrderedDict[str, Renewal]] = OrderedDict()
        self._takeover: OrderedDict[str, Renewal] = OrderedDict()
        self._others: OrderedDict[str, Renewal] = OrderedDict()
        self._ahead: OrderedDict[str, Renewal] = OrderedDict()

    def __len__(self) -> int:
        waiting = len(self._takeover) + len(self._others) + len(self._ahead)
        return waiting + sum(len(lane) for lane in self._own.values())

    def add(self, renewal: Renewal) -> None:
        """A list is queued at most once per lane; it keeps the time of the first request."""
        lane = self._lane(renewal)
        known = lane.get(renewal.enrolment.id)
        at = known.at if known else renewal.at
        lane[renewal.enrolment.id] = Renewal(renewal.enrolment, renewal.cause, renewal.origin, at)

    def add_delayed(self, renewal: Renewal) -> None:
        """Queues a list that is ahead of the mentee's profile: it is due at `at` unless an own change comes first."""
        self._ahead[renewal.enrolment.id] = renewal

    def next_own(self, count: int) -> list[Renewal]:
        """Removes and returns up to `count` renewals; removes the same lists from the other lanes."""
        chosen: list[Renewal] = []
        while self._own and len(chosen) < count:
            institution, lane = self._own.popitem(last=False)
            chosen.append(lane.popitem(last=False)[1])
            if lane:
                self._own[institution] = lane
        for renewal in chosen:
            self._takeover.pop(renewal.enrolment.id, None)
            self._others.pop(renewal.enrolment.id, None)
            self._ahead.pop(renewal.enrolment.id, None)
        return chosen

    def next_others(self, count: int, *, now: float) -> list[Renewal]:
        chosen = [self._takeover.popitem(last=False)[1] for _ in range(min(count, len(self._takeover)))]
        for renewal in chosen:
            self._others.pop(renewal.enrolment.id, None)
        for lane in (self._others, self._ahead):
            while lane and len(chosen) < count and next(iter(lane.values())).at <= now:
                chosen.append(lane.popitem(last=False)[1])
        return chosen

    @property
    def has_own(self) -> bool:
        return bool(self._own)

    def seconds_until_others(self, *, now: float) -> float | None:
        if self._takeover:
            return 0.0
        first = [next(iter(lane.values())).at for lane in (self._others, self._ahead) if lane]
        return max(0.0, min(first) - now) if first else None

    def forget(self, enrolments: Iterable[Enrolment]) -> None:
        for enrolment in enrolments:
            own = self._own.get(enrolment.institution, OrderedDict())
            for lane in (self._takeover, self._others, self._ahead, own):
                lane.pop(enrolment.id, None)
        self._own = OrderedDict((name, lane) for name, lane in self._own.items() if lane)

    def _lane(self, renewal: Renewal) -> OrderedDict[str, Renewal]:
        if renewal.cause == "own_change":
            return self._own.setdefault(renewal.enrolment.institution, OrderedDict())
        return self._takeover if renewal.cause == "takeover" else self._others
