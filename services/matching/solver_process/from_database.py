"""Jobs that read the projections: freezing a round, planning a repair, simulating other rules."""

import asyncio
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from services.matching.kernel.shards import SHARDS
from services.matching.repairs.repository import repairs
from services.matching.repairs.usecases.problem import RepairInput, plan_repair
from services.matching.rounds.domain.orders import Orders
from services.matching.rounds.repository import cohorts as store
from services.matching.rounds.solver.floors import floors
from services.matching.rounds.solver_folders import INPUT, ORDERS, PEOPLE
from services.matching.rounds.usecases import cohorts
from services.matching.rounds.usecases.wishlists import Call
from services.matching.simulations.lifecycle import Draft
from services.matching.simulations.worker import simulate
from services.matching.suggestions.index.network import Network
from shared import mongo
from shared.telemetry import configure_logs


def answer(job: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    configure_logs("matching-solver")
    match job["do"]:
        case "freeze":
            return asyncio.run(_freeze(job, folder))
        case "repair":
            return asyncio.run(_plan(job))
        case _:
            return asyncio.run(_simulate(job))


async def _freeze(job: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    database = mongo.connect(job["uri"], job["database"])
    network, programme = Network(reserve=0), job["programme"]
    call = Call(
        round=job["round"],
        programme=programme,
        target=job["target"],
        list_length=job["list_length"],
        score_band=job["score_band"],
        compare=job["compare"],
        orders=Orders.read((folder / ORDERS).read_bytes()),
        at=datetime.fromisoformat(job["at"]),
        mentors=await store.mentors_of(database, {"programme": programme}),
        since=await store.waiting_since(database, programme),
    )
    async for states in store.states(database, programme, opened={}):
        for state in states:
            network.put(state)
    database.client.close()
    cohort = cohorts.freeze(network, call)
    with (folder / INPUT).open("wb") as file:
        file.writelines(cohort.content())
    (folder / PEOPLE).write_bytes(cohort.people())
    return {
        "policy_sha256": cohort.policy_sha256,
        "mentees": len(cohort.mentees),
        "mentors": len(cohort.mentors),
        "floors": [asdict(floor) for floor in floors(cohort.policy)],
    }


async def _plan(job: Mapping[str, Any]) -> dict[str, Any]:
    database, programme = mongo.connect(job["uri"], job["database"]), job["programme"]
    network = Network(reserve=0)
    async for states in store.states(database, programme, opened={"programme": {"$ne": programme}}):
        for state in states:
            network.put(state)
    network.hold(range(SHARDS))
    case = RepairInput(
        repair=job["repair"],
        edition=job["edition"],
        programme=programme,
        bystanders=job["bystanders"],
        at=datetime.fromisoformat(job["at"]),
        displacements=await repairs.displacements(database, programme),
        bonds=await repairs.open_relationships(database, programme),
        pinned=await repairs.pinned(database, programme),
    )
    database.client.close()
    planned = plan_repair(network, case)
    steps = [{**asdict(step), "_id": step.id} for step in planned.steps]
    seen = [displacement.id for displacement in case.displacements]
    return {"plan": asdict(planned.plan), "steps": steps, "void": planned.void, "seen": seen}


async def _simulate(job: Mapping[str, Any]) -> dict[str, Any]:
    database, programme = mongo.connect(job["uri"], job["database"]), job["programme"]
    network = Network(reserve=0)
    async for states in store.states(database, programme, opened={}):
        for state in states:
            network.put(state)
    database.client.close()
    return asdict(simulate(network, programme, Draft(**job["draft"])))
