"""Mentoring as part of the service: requests and relationships, and what becomes due."""

from collections.abc import Sequence

from services.matching.mentoring.api.relationships import relationships_router
from services.matching.mentoring.api.requests import requests_router
from services.matching.mentoring.repository.due import DueStore, Forget
from services.matching.mentoring.repository.requests import RequestStore
from services.matching.mentoring.usecases.relationships import Relationships
from services.matching.mentoring.usecases.requests import Requests
from services.matching.mentoring.worker import Due
from shared.bootstrap import Parts
from shared.service import every
from shared.slices import Slice, Work


def build(parts: Parts, *, forget: Sequence[Forget]) -> Slice:
    store = RequestStore(parts.database, parts.clock)
    due = Due(DueStore(parts.database, parts.clock, forget=forget), parts.clock)
    return Slice(
        prepare=[store.prepare],
        routers=[
            requests_router(Requests(store, parts.clock)),
            relationships_router(Relationships(store, parts.clock)),
        ],
        work={"due": Work(role="clockwork", run=lambda: every(1, due.work))},
    )
