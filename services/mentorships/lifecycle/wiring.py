"""Wires the lifecycle slice: routes, reactions to matching, and the worker for what is due."""

from collections.abc import Mapping, Sequence

from services.mentorships.kernel.due import DueWorker
from services.mentorships.lifecycle import domain
from services.mentorships.lifecycle.api import mentorships_router
from services.mentorships.lifecycle.handlers import Reactions
from services.mentorships.lifecycle.repository import CarryOver, MongoMentorships
from services.mentorships.lifecycle.usecases import Mentorships
from shared.bootstrap import ServiceDependencies
from shared.consuming.reactions import Reaction
from shared.contracts.matching import RelationshipClosed, RelationshipOpened, RelationshipPaused, RelationshipResumed
from shared.contracts.payload import Payload
from shared.service import every
from shared.slices import Slice, Work


def build(
    dependencies: ServiceDependencies,
    repository: MongoMentorships,
    *,
    carry_over: Sequence[CarryOver],
    further: Mapping[type[Payload], Reaction],
) -> Slice:
    """`further`: reactions of other slices to matching's events, for the one consumer of these."""
    reactions = Reactions(repository, dependencies.clock, carry_over=carry_over)
    dependencies.consumers.reaction(
        {
            RelationshipOpened: reactions.on_opened,
            RelationshipPaused: reactions.on_paused,
            RelationshipResumed: reactions.on_resumed,
            RelationshipClosed: reactions.on_closed,
            **further,
        }
    )
    due = DueWorker(repository, domain.pass_time, dependencies.clock)
    return Slice(
        prepare=[repository.prepare],
        routers=[mentorships_router(Mentorships(repository, dependencies.clock))],
        work={"due": Work(role="clockwork", run=lambda: every(1, due.work))},
    )
