"""The API of matching for simulations: weights and limits tried on a programme's people (`rehearsals` in paths)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.web.clients.profiles import Read
from services.web.clients.transport import Service

_MOST = 20


class Limits(Read):
    list_length: int
    minimum_score: int


class Rules(Read):
    weights: Mapping[str, int]
    limits: Limits


class Figures(Read):
    mentees: int
    unmatched: Mapping[str, int]
    mean_first_percent_thousandths: int
    load_gini_thousandths: int
    mentors_listed: int


class Churn(Read):
    lists_changed: int
    first_changed: int
    entered: int
    left: int
    mentors_entering: int
    mentors_leaving: int


class Change(Read):
    """What makes the draft the programme's own rules."""

    if_match: str
    body: Rules


class Result(Read):
    """`rules` and `figures` by `today` and `draft`."""

    rules: Mapping[str, Rules]
    figures: Mapping[str, Figures]
    churn: Churn
    change: Change


class Simulation(Read):
    id: str
    programme: str
    state: str
    began_at: datetime
    expires_at: datetime
    reason: str | None = None
    result: Result | None = None


@dataclass(frozen=True, slots=True)
class Simulations:
    service: Service

    async def of_programme(self, programme: str) -> Sequence[Simulation]:
        """The newest first."""
        found = await self.service.pages(f"/programmes/{programme}/rehearsals", most=_MOST)
        return [Simulation.model_validate(each) for each in found]

    async def begin(self, programme: str, draft: Mapping[str, Any], *, idempotency_key: str) -> Simulation:
        answer = await self.service.post(
            f"/programmes/{programme}/rehearsals", dict(draft), idempotency_key=idempotency_key
        )
        return Simulation.model_validate(answer.body)

    async def simulation(self, id: str) -> tuple[Simulation, str]:
        answer = await self.service.get(f"/rehearsals/{id}")
        return Simulation.model_validate(answer.body), answer.etag

    async def drop(self, id: str, *, etag: str, idempotency_key: str) -> None:
        await self.service.post(f"/rehearsals/{id}/drop", etag=etag, idempotency_key=idempotency_key)
