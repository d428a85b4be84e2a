"""Builds the suggestions slice: projections of profiles, the list worker, and the routes that read lists."""

from collections.abc import Mapping

from services.matching.mentoring.repository.requests import MongoMentoringRepository
from services.matching.projections.handlers import projection_handlers
from services.matching.projections.repository import ProjectedDocuments
from services.matching.projections.vocabulary import ProjectedVocabulary
from services.matching.settings import Settings
from services.matching.suggestions import metrics as watch
from services.matching.suggestions.api import suggestions_router, unmatched_router
from services.matching.suggestions.audit import Audit
from services.matching.suggestions.directory import Directory
from services.matching.suggestions.directory_api import directory_router
from services.matching.suggestions.feed import IndexSource
from services.matching.suggestions.index.network import Network
from services.matching.suggestions.reading import Reading
from services.matching.suggestions.reading_repository import MongoSuggestionRepository
from services.matching.suggestions.replicas import Replicas
from services.matching.suggestions.repository import MongoListRepository
from services.matching.suggestions.unavailable import UnavailableRequests
from services.matching.suggestions.updater import ListUpdater
from services.matching.suggestions.worker import ListWorker, Shards
from shared.bootstrap import ServiceDependencies
from shared.service import every
from shared.slices import Slice, Work


def build(dependencies: ServiceDependencies, settings: Settings) -> Slice:
    lists, replicas = (
        MongoListRepository(dependencies.database),
        Replicas(dependencies.database, holder=dependencies.holder),
    )
    worker = _worker(dependencies, settings, lists, replicas)
    projected = ProjectedDocuments(dependencies.database, on_applied=worker.apply_written)
    dependencies.consumers.projection(projection_handlers(projected))
    vocabulary = ProjectedVocabulary(dependencies.database)
    repository = MongoSuggestionRepository(dependencies.database, vocabulary)
    reading = Reading(repository)

    def not_ready() -> Mapping[str, str]:
        is_loading = "clockwork" in dependencies.roles and not worker.is_loaded
        return {"index": "is being loaded"} if is_loading else {}

    return Slice(
        prepare=[projected.prepare, lists.prepare, replicas.prepare],
        routers=[suggestions_router(reading), unmatched_router(reading), directory_router(Directory(repository))],
        work={
            "lists": Work(role="clockwork", run=worker.run),
            "vocabulary": Work(role="clockwork", run=lambda: every(1, vocabulary.resolve_again)),
        },
        not_ready=not_ready,
    )


def _worker(
    dependencies: ServiceDependencies, settings: Settings, lists: MongoListRepository, replicas: Replicas
) -> ListWorker:
    metrics = watch.Metrics(dependencies.metrics.registry)

    def updater(network: Network) -> ListUpdater:
        new = ListUpdater(
            network, lists, clock=dependencies.clock, coalesce_seconds=settings.coalesce_seconds, watch=metrics
        )
        metrics.follow(new)
        return new

    def unavailable_requests(network: Network) -> UnavailableRequests:
        return UnavailableRequests(
            network, MongoMentoringRepository(dependencies.database, dependencies.clock), dependencies.clock
        )

    def audit(updater: ListUpdater) -> Audit:
        return Audit(updater, lists, clock=dependencies.clock, watch=metrics)

    def shards() -> Shards:
        return Shards(replicas, lambda name: dependencies.lease(name, seconds=settings.lease_seconds))

    return ListWorker(
        IndexSource(dependencies.database),
        updater=updater,
        unavailable_requests=unavailable_requests,
        shards=shards,
        audit=audit,
        audit_seconds=settings.audit_seconds,
    )
