"""Wires the worker that republishes states that are newer than their topics."""

from services.profiles.republishing.repository.stale_heads import TOPICS, MongoStateRepository
from services.profiles.republishing.worker import StaleHeadRepublisher
from services.profiles.settings import Settings
from shared.bootstrap import ServiceDependencies
from shared.latest_sequences import heads
from shared.service import every
from shared.slices import Slice, Work


def build(dependencies: ServiceDependencies, settings: Settings) -> Slice:
    states = MongoStateRepository(dependencies.database, dependencies.clock, holder=dependencies.holder)
    worker = StaleHeadRepublisher(states, lambda since: heads(settings.kafka, TOPICS, since=since), dependencies.clock)
    return Slice(work={"heads": Work(role="relay", run=lambda: every(1, worker.work))})
