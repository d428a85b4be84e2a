"""Registers and runs the consumers of a service.

A batch handler never raises for a bad record. It raises for an outage or a shutdown only, and then receives the whole
batch again. Projections apply states (`projecting`); reactions act once on each fact (`reactions`).
"""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from faststream.kafka import KafkaBroker

from shared import kafka
from shared.clock import Clock
from shared.consuming.failures import Failures
from shared.consuming.liveness import Handle, Watchdog
from shared.consuming.parking import Parking, Record
from shared.consuming.projecting import ProjectionConsumer, ProjectionHandler
from shared.consuming.reactions import JointReaction, Reaction, ReactionConsumer
from shared.consuming.subscriber import Fetching, assert_safe, subscribe
from shared.contracts.payload import Payload
from shared.mongo import Database
from shared.telemetry import Metrics

_GATHERED = Fetching(max_wait_ms=1_000, min_bytes=1 << 20)


class Consumers:
    """All subscribers of one service. Register first, then start."""

    def __init__(  # noqa: PLR0913 -- what every consumer needs
        self,
        broker: KafkaBroker,
        database: Database,
        *,
        service: str,
        parking: Parking,
        clock: Clock,
        metrics: Metrics,
        watchdog: Watchdog,
        address: str = "",
        fetch_max_wait_ms: int = 250,
    ) -> None:
        """`address` supplies the network's id, the prefix of topics and groups."""
        self._address = address
        self._broker = broker
        self._promptly = Fetching(max_wait_ms=fetch_max_wait_ms)
        self._database = database
        self._service = service
        self._parking = parking
        self._clock = clock
        self._metrics = metrics
        self._watchdog = watchdog
        self._reactions: list[ReactionConsumer] = []
        self._measured: set[tuple[str, str]] = set()
        self._lookups = ThreadPoolExecutor(max_workers=2, thread_name_prefix="parked")

    def projection(
        self, projection_handlers: Mapping[type[Payload], ProjectionHandler], *, group: str | None = None
    ) -> None:
        """Projects compacted topics."""
        consumer = group or f"{self._service}.projection"
        handlers = {payload.TYPE: handler for payload, handler in projection_handlers.items()}
        projections = ProjectionConsumer(consumer, handlers, self._failures(consumer), self._metrics)
        self._subscribe(projection_handlers, consumer, projections.handle, self._promptly)

    def reaction(
        self,
        reactions: Mapping[type[Payload], Reaction],
        *,
        group: str | None = None,
        together: JointReaction | None = None,
    ) -> None:
        """Acts once on each fact; records of one key in order. `together` reacts to many events at once."""
        self._react(reactions, group, self._promptly, together)

    def rare_reaction(self, reactions: Mapping[type[Payload], Reaction]) -> None:
        """As `reaction`, a second later: for few facts on busy topics, whose other records are so read together."""
        self._react(reactions, None, _GATHERED)

    def _react(
        self,
        reactions: Mapping[type[Payload], Reaction],
        group: str | None,
        fetching: Fetching,
        together: JointReaction | None = None,
    ) -> None:
        consumer = group or f"{self._service}.reaction"
        reacting = ReactionConsumer(
            consumer,
            {payload.TYPE: reaction for payload, reaction in reactions.items()},
            self._database,
            parking=self._parking,
            failures=self._failures(consumer),
            clock=self._clock,
            metrics=self._metrics,
            lookups=self._lookups,
            together=together,
        )
        self._reactions.append(reacting)
        self._subscribe(reactions, consumer, reacting.handle, fetching)

    def _failures(self, consumer: str) -> Failures:
        return Failures(consumer, self._parking, self._clock, self._metrics)

    def _subscribe(self, payloads: Iterable[type[Payload]], consumer: str, handle: Handle, fetching: Fetching) -> None:
        async def observed(records: Sequence[Record]) -> None:
            await progress.handle_batch(records, handle)
            self._metrics.progress.labels(consumer).set(self._clock.now().timestamp())

        client = subscribe(
            self._broker,
            {kafka.named(self._address, payload.TOPIC) for payload in payloads},
            group=kafka.named(self._address, consumer),
            handle=observed,
            fetching=fetching,
        )
        progress = self._watchdog.watch(consumer, client)

    async def start(self) -> None:
        for subscriber in self._broker.subscribers:
            assert_safe(subscriber)
        await self._broker.start()

    async def stop(self) -> None:
        await self._broker.stop()
        self._lookups.shutdown(wait=False)

    async def retry_due(self) -> int:
        """Measures what is parked, then retries what is due of it; returns how many succeeded."""
        counts = await self._parking.counts()
        self._measured |= counts.keys()
        for labels in self._measured:  # 0 once the last of them is gone, so that an alert ends
            self._metrics.parked.labels(*labels).set(counts.get(labels, 0))
        with_parked = {consumer for consumer, _ in counts}
        return sum([await each.retry_due() for each in self._reactions if each.consumer in with_parked])
