"""Erasure and export as part of the service."""

from services.matching.privacy.erasure.repository import MongoErasureRepository
from services.matching.privacy.erasure.usecases import ErasureReceiptWorker
from services.matching.privacy.export.api import export_router
from services.matching.privacy.export.repository import MongoExportRepository
from services.matching.privacy.export.usecases import Export
from services.matching.rounds.repository.rounds import MongoRoundRepository
from services.matching.rounds.usecases.rounds import Rounds
from services.matching.suggestions.reading import Reading
from services.matching.suggestions.reading_repository import MongoSuggestionRepository
from shared.bootstrap import ServiceDependencies
from shared.service import every
from shared.slices import Slice, Work


def build(parts: ServiceDependencies) -> Slice:
    erasures = MongoErasureRepository(parts.database, parts.clock)
    receipts = ErasureReceiptWorker(erasures)
    rounds = Rounds(MongoRoundRepository(parts.database, parts.clock), parts.clock)
    export = Export(MongoExportRepository(parts.database), Reading(MongoSuggestionRepository(parts.database)), rounds)
    return Slice(
        prepare=[erasures.prepare],
        routers=[export_router(export)],
        work={"erasures": Work(role="clockwork", run=lambda: every(1, receipts.work))},
    )
