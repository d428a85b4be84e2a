"""Wires preferences: a person's and an institution's routes."""

from services.notifications.preferences.api import preferences_router
from services.notifications.preferences.repository import MongoPreferencesRepository
from services.notifications.preferences.usecases import PreferencesUseCases
from services.notifications.projections.repository import MongoContactRepository
from services.notifications.projections.usecases import Readers
from shared.bootstrap import ServiceDependencies
from shared.slices import Slice


def build_preferences(dependencies: ServiceDependencies) -> PreferencesUseCases:
    readers = Readers(MongoContactRepository(dependencies.database))
    return PreferencesUseCases(MongoPreferencesRepository(dependencies.database), readers)


def build(dependencies: ServiceDependencies) -> Slice:
    return Slice(
        prepare=[MongoPreferencesRepository(dependencies.database).prepare],
        routers=[preferences_router(build_preferences(dependencies))],
    )
