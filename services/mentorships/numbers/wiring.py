"""Wires the numbers of programmes: follows matching, and counts when asked."""

from collections.abc import Mapping

from services.mentorships.numbers.api import numbers_router
from services.mentorships.numbers.handlers import OUTCOMES, Reactions
from services.mentorships.numbers.repository import MongoNumbers
from services.mentorships.numbers.usecases import NumbersUseCases
from shared.bootstrap import ServiceDependencies
from shared.consuming.reactions import Reaction
from shared.contracts.matching import SuggestionsChanged
from shared.contracts.payload import Payload
from shared.slices import Slice

_GROUP = "mentorships.suggested"


def reactions(dependencies: ServiceDependencies) -> Mapping[type[Payload], Reaction]:
    numbers = Reactions(MongoNumbers(dependencies.database, dependencies.clock).record)
    return dict.fromkeys(OUTCOMES, numbers.on_request_changed)


def build(dependencies: ServiceDependencies) -> Slice:
    repository = MongoNumbers(dependencies.database, dependencies.clock)
    # Lists change by thousands: in a group of their own they hold up nothing that happens to a mentorship.
    dependencies.consumers.projection({SuggestionsChanged: repository.fold_suggested}, group=_GROUP)
    return Slice(
        prepare=[repository.prepare], routers=[numbers_router(NumbersUseCases(repository, dependencies.clock))]
    )
