"""Builds the dependencies that every service shares: settings, database, broker, metrics, consumers, leases."""

import os
import socket
from collections.abc import Collection
from dataclasses import dataclass

from aiokafka.errors import KafkaError
from faststream.kafka import KafkaBroker

from shared import failpoints, kafka, mongo, store_check
from shared.auth import Authenticator
from shared.clock import Clock
from shared.consuming import inbox
from shared.consuming.consumer import Consumers
from shared.consuming.liveness import Watchdog
from shared.consuming.parking import Parking
from shared.contracts.dead_letters import RecordParked
from shared.http import Idempotency
from shared.leases import Lease
from shared.mongo import Database
from shared.network import AnotherNetwork, Network, marker_topic
from shared.outbox import table as outbox
from shared.outbox.gauges import MEASURED_EVERY_SECONDS, OutboxGauges
from shared.outbox.publisher import OutboxPublisher
from shared.outbox.shedding import Backlog
from shared.service import every
from shared.settings import ServiceSettings
from shared.telemetry import Metrics
from shared.topics import Topic, TopicsRefused, create_missing, differences, load_topics


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceDependencies:
    name: str
    settings: ServiceSettings
    clock: Clock
    database: Database
    metrics: Metrics
    authenticator: Authenticator
    broker: KafkaBroker
    parking: Parking
    consumers: Consumers
    backlog: Backlog
    gauges: OutboxGauges
    watchdog: Watchdog
    holder: str
    """The name under which this process holds leases."""
    roles: frozenset[str]
    """The roles of this process."""

    def lease(self, name: str, *, seconds: float = 6) -> Lease:
        return Lease(self.database, name, holder=self.holder, clock=self.clock, seconds=seconds)

    async def prepare(self) -> None:
        """Exits where MongoDB or the topics do not meet the requirements; the message names setting and remedy."""
        await self._check_store()
        await outbox.prepare(self.database)
        await inbox.prepare(self.database)
        await self.parking.prepare()
        await mongo.ensure_indexes(self.database["leases"], [])
        await Idempotency(self.database).prepare()
        if not self.settings.topics_checked:
            return
        try:
            await self._check_topics()
        except KafkaError as fault:
            raise SystemExit(
                f"cannot start: {self.name.upper()}_KAFKA_BOOTSTRAP: no broker answers ({type(fault).__name__}): "
                "check the addresses, and that Kafka runs"
            ) from None

    async def _check_topics(self) -> None:
        declared = load_topics(
            self.settings.topics_file, size=self.settings.topics_size, network=self.settings.network_id
        )
        wrong = await differences(self.settings.kafka, declared)
        if wrong:
            raise SystemExit(
                "topics are not as declared; run `python -m deploy.topics apply`:\n  " + "\n  ".join(wrong)
            )
        if self.settings.network_checked:
            await self._join_network(marker_topic(self.settings.kafka, like=declared[0]))

    async def _join_network(self, topic: Topic) -> None:
        try:
            await create_missing(self.settings.kafka, [topic])
            await Network(self.database, self.settings.kafka, service=self.name, clock=self.clock).join()
        except (TopicsRefused, KafkaError) as fault:
            raise SystemExit(
                f"cannot start: {self.name.upper()}_KAFKA_BOOTSTRAP: topic {topic.name} cannot be created, read or "
                f"written ({type(fault).__name__}): run `python -m deploy.topics apply`, and check the rights on it"
            ) from None
        except AnotherNetwork as reason:
            raise SystemExit(
                f"cannot start: {self.name.upper()}_NETWORK_ID: {reason}; give each network on this Kafka an id of "
                f"its own, or run `python -m deploy.network adopt {self.name}` if this MongoDB replaces a lost one"
            ) from None

    async def _check_store(self) -> None:
        try:
            await store_check.check(self.database, probe=self.clock.new_id())
        except store_check.Unsuitable as reason:
            raise SystemExit(f"cannot start: {self.name.upper()}_MONGO_URI: {reason}") from None

    async def relay(self) -> None:
        """Runs the outbox relay until cancelled."""
        publisher = kafka.Publisher(self.settings.kafka)
        await publisher.start()
        try:
            await OutboxPublisher(
                self.database, publisher, lease=self.lease("relay"), clock=self.clock, metrics=self.metrics
            ).run()
        finally:
            await publisher.stop()

    async def measure(self) -> None:
        """Updates the outbox gauges in every process, whatever its roles."""
        await every(MEASURED_EVERY_SECONDS, self.gauges.measure)

    async def ready(self) -> dict[str, str]:
        """Unavailable dependencies by name. Kafka is not among them: the outbox keeps events during its outage."""
        try:
            wrong = store_check.shortcoming(await mongo.hello(self.database, seconds=2))
        except mongo.PyMongoError:
            wrong = "cannot be reached"
        return {"store": wrong} if wrong else {}


def build(
    name: str, settings: ServiceSettings, clock: Clock, roles: Collection[str], *, dead_letter: type[RecordParked]
) -> ServiceDependencies:
    failpoints.arm(name, os.environ.get(failpoints.VARIABLE, ""), environment=settings.environment)
    database = mongo.connect(settings.mongo_uri.get_secret_value(), settings.mongo_database)
    metrics = Metrics()
    broker = kafka.broker(settings.kafka)
    parking = Parking(database, dead_letter=dead_letter)
    watchdog = Watchdog(
        clock,
        metrics,
        limit_seconds=settings.stalled_after_seconds,
        kafka_answers=lambda: kafka.answers(settings.kafka),
    )
    return ServiceDependencies(
        name=name,
        settings=settings,
        clock=clock,
        database=database,
        metrics=metrics,
        authenticator=Authenticator(settings.issuers, clock, metrics),
        broker=broker,
        parking=parking,
        consumers=Consumers(
            broker,
            database,
            service=name,
            parking=parking,
            clock=clock,
            metrics=metrics,
            watchdog=watchdog,
            address=settings.kafka,
            fetch_max_wait_ms=settings.kafka_fetch_max_wait_ms,
        ),
        backlog=Backlog(database, clock, shed_after_seconds=settings.shed_after_seconds),
        gauges=OutboxGauges(database, clock, metrics),
        watchdog=watchdog,
        roles=frozenset(roles),
        holder=f"{socket.gethostname()}-{os.getpid()}-{clock.new_id()[-12:]}",
    )
