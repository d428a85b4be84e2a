"""Wires the copies of institutions and programmes; `privacy` applies contacts."""

from services.notifications.projections.repository import MongoContactRepository
from shared.bootstrap import ServiceDependencies
from shared.slices import Slice


def build(dependencies: ServiceDependencies) -> Slice:
    return Slice(prepare=[MongoContactRepository(dependencies.database).prepare])
