"""Wires the workers that republish states that are newer than their topics, and fill new topics."""

from services.profiles.republishing.repository.new_topics import MongoNewTopicRepository
from services.profiles.republishing.repository.stale_heads import TOPICS, MongoStateRepository
from services.profiles.republishing.worker import StaleHeadRepublisher
from services.profiles.settings import Settings
from shared.bootstrap import ServiceDependencies
from shared.latest_sequences import heads
from shared.service import every
from shared.slices import Slice, Work

_NEW_TOPICS_EVERY_SECONDS = 3600
"""Right after a start, and again for members whom an older process of this service registers during an upgrade."""


def build(dependencies: ServiceDependencies, settings: Settings) -> Slice:
    states = MongoStateRepository(dependencies.database, dependencies.clock, holder=dependencies.holder)
    worker = StaleHeadRepublisher(states, lambda since: heads(settings.kafka, TOPICS, since=since), dependencies.clock)
    new_topics = MongoNewTopicRepository(dependencies.database, dependencies.clock)
    return Slice(
        work={
            "heads": Work(role="relay", run=lambda: every(1, worker.work)),
            "new_topics": Work(role="relay", run=lambda: every(_NEW_TOPICS_EVERY_SECONDS, new_topics.publish_missing)),
        }
    )
