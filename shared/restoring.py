"""After a backup was restored: a service's store is behind Kafka. Counters of the store continue in a new epoch.

A counter is a version, a sequence or a position in a document. A record is ahead of the store if it raised a counter
further; each service says what it reads back from such a record. Restoring again after an interruption is safe.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from shared import epochs
from shared.clock import Clock
from shared.contracts.envelope import Received
from shared.mongo import Database, Document
from shared.outbox import table as outbox

Counter = tuple[str, ...]
"""A collection and an id; and the topic, where a document has a sequence for each topic."""
Ahead = Mapping[Counter, Received]
Outcome = tuple[str, str]
"""What is done (`read_back`), and with which document, by collection and id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    epoch: int
    counters: int
    published_already: int
    """Events that the backup has as pending in its outbox and Kafka has in its topic."""
    outcomes: Mapping[str, list[str]]
    """Documents by what is done with them."""

    def documents(self, outcome: str) -> list[str]:
        return self.outcomes.get(outcome, [])


class RestoredService(Protocol):
    async def counters(self) -> Mapping[Counter, int]:
        """Every counter of the store."""

    def raised_by(self, received: Received) -> tuple[Counter, int] | None:
        """The counter that belongs to a record, and its value there; None for a record that raises none."""

    def outcomes(self, ahead: Ahead) -> Iterable[Outcome]:
        """What `restore` would do."""

    async def restore(self, ahead: Ahead, *, epoch: int) -> Iterable[Outcome]: ...


class Restoring:
    def __init__(self, database: Database, service: RestoredService, clock: Clock) -> None:
        self._outbox = database["outbox"]
        self._service = service
        self._clock = clock
        self._known: Mapping[Counter, int] = {}
        self._epoch = 0
        self._newest: dict[Counter, tuple[int, Received]] = {}
        self._published: set[str] = set()

    async def prepare(self) -> None:
        self._known = await self._service.counters()
        self._epoch = max(map(epochs.epoch_of, self._known.values()), default=0)

    def collect(self, received: Received) -> None:
        """Takes one record of the service's own topics. A record with a forged count is ignored."""
        raised = self._service.raised_by(received)
        if raised is not None and not epochs.is_within_reach(raised[1], epoch=self._epoch):
            return
        self._published.add(received.envelope.id)
        if raised is not None:
            counter, count = raised
            if counter not in self._newest or self._newest[counter][0] < count:
                self._newest[counter] = count, received

    async def look(self) -> Report:
        """What `restore` would do."""
        return self._report(await self._published_rows(), self._service.outcomes(self._ahead()))

    async def restore(self) -> Report:
        sent = await self._published_rows()
        report = self._report(sent, await self._service.restore(self._ahead(), epoch=self._next_epoch))
        await outbox.mark_sent(self._outbox, sent, now=self._clock.now())
        return report

    @property
    def _next_epoch(self) -> int:
        return max([self._epoch, *(epochs.epoch_of(count) for count, _ in self._newest.values())]) + 1

    def _ahead(self) -> Ahead:
        return {
            counter: received
            for counter, (count, received) in self._newest.items()
            if count > self._known.get(counter, 0)
        }

    async def _published_rows(self) -> Sequence[Document]:
        waiting = self._outbox.find({"status": {"$ne": "sent"}}, {"topic": 1})
        return [row async for row in waiting if row["_id"] in self._published]

    def _report(self, published: Sequence[Document], outcomes: Iterable[Outcome]) -> Report:
        documents: dict[str, list[str]] = {}
        for outcome, document in dict.fromkeys(outcomes):
            documents.setdefault(outcome, []).append(document)
        counters = len(self._known.keys() | self._newest.keys())
        return Report(epoch=self._next_epoch, counters=counters, published_already=len(published), outcomes=documents)


async def raise_counters(database: Database, collection: str, field: str, *, epoch: int) -> None:
    """Continues a counter of every document in the epoch; those that are in it already stay as they are."""
    base = epochs.raised(0, epoch)
    count = {"$mod": [f"${field}", epochs.raised(0, 1)]}
    await database[collection].update_many({field: {"$lt": base}}, [{"$set": {field: {"$add": [base, count]}}}])
