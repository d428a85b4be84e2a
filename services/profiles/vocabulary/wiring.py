"""Wires the vocabulary: its routes."""

from services.profiles.vocabulary.api import names_router, vocabulary_router
from services.profiles.vocabulary.repository import MongoTermRepository
from services.profiles.vocabulary.usecases import UnknownWords, VocabularyUseCases
from shared.bootstrap import ServiceDependencies
from shared.slices import Slice


def build(dependencies: ServiceDependencies) -> Slice:
    terms = MongoTermRepository(dependencies.database, dependencies.clock)
    vocabulary = VocabularyUseCases(terms)
    return Slice(prepare=[terms.prepare], routers=[vocabulary_router(vocabulary), names_router(vocabulary)])


def unknown_words(dependencies: ServiceDependencies) -> UnknownWords:
    return UnknownWords(MongoTermRepository(dependencies.database, dependencies.clock))
