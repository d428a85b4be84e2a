"""Erasure and export as part of the service."""

from services.matching.privacy.erasure.repository import MongoErasureRepository
from services.matching.privacy.erasure.usecases import ErasureReceiptWorker
from services.matching.privacy.export.api import export_router
from services.matching.privacy.export.repository import MongoExportRepository
from services.matching.privacy.export.usecases import Export
from services.matching.projections.vocabulary import ProjectedVocabulary
from services.matching.rounds.repository.rounds import MongoRoundRepository
from services.matching.rounds.usecases.rounds import Rounds
from services.matching.suggestions.reading import Reading
from services.matching.suggestions.reading_repository import MongoSuggestionRepository
from shared.bootstrap import ServiceDependencies
from shared.service import every
from shared.slices import Slice, Work


def build(dependencies: ServiceDependencies) -> Slice:
    erasures = MongoErasureRepository(dependencies.database, dependencies.clock)
    receipts = ErasureReceiptWorker(erasures)
    repository = MongoRoundRepository(dependencies.database, dependencies.clock)
    rounds = Rounds(repository.jobs, repository, dependencies.clock)
    suggestions = MongoSuggestionRepository(dependencies.database, ProjectedVocabulary(dependencies.database))
    export = Export(MongoExportRepository(dependencies.database), Reading(suggestions), rounds)
    return Slice(
        prepare=[erasures.prepare],
        routers=[export_router(export)],
        work={"erasures": Work(role="clockwork", run=lambda: every(1, receipts.work))},
    )
