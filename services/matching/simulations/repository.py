"""Documents ↔ simulations, in the collection `rehearsals`; a coordinator's query names their institution."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from services.matching.jobs.repository import MongoJobs, fields_of
from services.matching.projections.repository import PROGRAMMES
from services.matching.simulations.comparison import Churn, Comparison, Figures
from services.matching.simulations.lifecycle import KEPT, REMEMBERED, Draft, Result, Rules, Simulation
from shared.contracts.profiles import programme_weights
from shared.mongo import ASCENDING, Database, Document, DuplicateKeyError, IndexModel, in_transaction
from shared.retention import keep_for

REHEARSALS = "rehearsals"
_RUNNING_ONCE = IndexModel(
    [("programme", ASCENDING)], name="running_once", unique=True, partialFilterExpression={"state": "running"}
)


class MongoSimulationRepository:
    def __init__(self, database: Database) -> None:
        self.jobs = MongoJobs(database, REHEARSALS, Simulation, to_document=_document_of, from_document=_simulation_of)
        self._database = database
        self._simulations = database[REHEARSALS]

    async def prepare(self) -> None:
        await self.jobs.prepare(_RUNNING_ONCE)
        await keep_for(self._simulations, "at", REMEMBERED)

    async def begin(self, simulation: Simulation) -> Simulation | None:
        try:
            await in_transaction(self._database, lambda transaction: self.jobs.insert(transaction, simulation))
        except DuplicateKeyError:  # another is running, or this is a concurrent retry of the same request
            return await self.jobs.find(simulation.institution, simulation.id)
        return simulation

    async def to_follow(self, *, now: datetime) -> Sequence[Simulation]:
        stages: list[Document] = [
            {"$match": {"state": "ready"}},
            {"$lookup": {"from": PROGRAMMES, "localField": "programme", "foreignField": "_id", "as": "now"}},
            {
                "$match": {
                    "$or": [
                        {"$expr": {"$lt": ["$result.sequence", {"$max": "$now.sequence"}]}},
                        {"at": {"$lte": now - KEPT}},
                    ]
                }
            },
        ]
        return [_simulation_of(document) async for document in self._simulations.aggregate(stages)]


def result_of(document: Mapping[str, Any]) -> Result:
    comparison = document["comparison"]
    return Result(
        sequence=document["sequence"],
        today=_rules(document["today"]),
        draft=_rules(document["draft"]),
        comparison=Comparison(
            today=Figures(**comparison["today"]),
            draft=Figures(**comparison["draft"]),
            churn=Churn(**comparison["churn"]),
        ),
    )


def _document_of(simulation: Simulation) -> Document:
    return {
        "draft": asdict(simulation.draft),
        "result": asdict(simulation.result) if simulation.result else None,
        "reason": simulation.reason,
    }


def _simulation_of(document: Document) -> Simulation:
    return Simulation(
        **fields_of(document),
        draft=Draft(**document["draft"]),
        result=result_of(document["result"]) if document["result"] else None,
        reason=document["reason"],
    )


def _rules(document: Document) -> Rules:
    """Older documents name only the weights that the programme had set."""
    return Rules(**{**document, "weights": programme_weights(document["weights"])})
