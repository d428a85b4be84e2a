"""Wires the mentoring slice: routes for requests and relationships, what mentorships decide, and due work."""

from collections.abc import Mapping, Sequence

from services.matching.mentoring.api.by_hand import pairs_by_hand_router
from services.matching.mentoring.api.relationships import relationships_router
from services.matching.mentoring.api.requests import requests_router
from services.matching.mentoring.handlers import Reactions
from services.matching.mentoring.repository.by_hand import MongoPairsByHand
from services.matching.mentoring.repository.due import ForgetMember, MongoDueRepository
from services.matching.mentoring.repository.requests import MongoMentoringRepository
from services.matching.mentoring.usecases.by_hand import PairsByHand
from services.matching.mentoring.usecases.relationships import Relationships
from services.matching.mentoring.usecases.requests import Requests
from services.matching.mentoring.worker import DueWorker
from shared.bootstrap import ServiceDependencies
from shared.consuming.reactions import Reaction
from shared.contracts.mentorships import MentorshipEnded, MentorshipReturnDue
from shared.contracts.payload import Payload
from shared.service import every
from shared.slices import Slice, Work


def build(
    dependencies: ServiceDependencies, *, forget: Sequence[ForgetMember], further: Mapping[type[Payload], Reaction]
) -> Slice:
    """`further`: reactions of other slices to mentorships' events, for the one consumer of these."""
    store = MongoMentoringRepository(dependencies.database, dependencies.clock)
    by_hand = MongoPairsByHand(dependencies.database, dependencies.clock)
    reactions = Reactions(store.change_within, dependencies.clock)
    dependencies.consumers.reaction(
        {MentorshipEnded: reactions.on_mentorship_ended, MentorshipReturnDue: reactions.on_return_due, **further}
    )
    due = DueWorker(MongoDueRepository(dependencies.database, dependencies.clock, forget=forget), dependencies.clock)
    return Slice(
        prepare=[store.prepare, by_hand.prepare],
        routers=[
            requests_router(Requests(store, dependencies.clock)),
            relationships_router(Relationships(store, dependencies.clock)),
            pairs_by_hand_router(PairsByHand(store, by_hand, dependencies.clock)),
        ],
        work={"due": Work(role="clockwork", run=lambda: every(1, due.work))},
    )
