"""Where rounds are frozen and solved: a process of its own, so that neither API nor lists stand still for a minute.

`python -m services.matching.solver_process` takes one job on standard input and answers on standard output; it ends
when the service that started it does. It writes into its folder only: what becomes of that is the service's to say.
"""

import asyncio
import gc
import json
import os
import shutil
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from services.matching.kernel.scoring import seed
from services.matching.kernel.shards import SHARDS
from services.matching.repairs.domain.lifecycle import Plan, Repair
from services.matching.repairs.repository import repairs
from services.matching.repairs.repository.repairs import step_of
from services.matching.repairs.usecases.problem import Planned, RepairInput, plan_repair
from services.matching.rounds.domain.lifecycle import Round
from services.matching.rounds.domain.orders import Orders
from services.matching.rounds.repository import cohorts as store
from services.matching.rounds.solver import canonical
from services.matching.rounds.solver.files import Compared, RoundResult, Target, parsed_input
from services.matching.rounds.solver.floors import Floor, floors
from services.matching.rounds.solver.solving import solve
from services.matching.rounds.solver_folders import locked_folder
from services.matching.rounds.usecases import cohorts
from services.matching.rounds.usecases.wishlists import Call
from services.matching.rounds.worker.solving import INPUT, ORDERS, PEOPLE, PLACES, RESULT, FreezeResult, SolveResult
from services.matching.simulations.lifecycle import Draft, Simulation
from services.matching.simulations.lifecycle import Result as Simulated
from services.matching.simulations.repository import result_of
from services.matching.simulations.worker import simulate
from services.matching.suggestions.index.network import Network
from shared import failpoints, mongo
from shared.errors import DomainError, FieldError, Rejected
from shared.telemetry import configure_logs, logger

_OPENINGS = 5
"""So many are kept of what would change a mentee's place: the least first."""
_LAST_DAY = 99_999
_log = logger(__name__)


class SolverProcess:
    def __init__(self, *, mongo_uri: str, mongo_database: str) -> None:
        self._uri = mongo_uri
        self._database = mongo_database

    def folder(self) -> AbstractContextManager[Path]:
        return locked_folder()

    async def freeze(self, round: Round, folder: Path, *, at: datetime) -> FreezeResult:
        answer = await self._done(
            "freeze",
            folder,
            uri=self._uri,
            database=self._database,
            round=round.id,
            programme=round.programme,
            target=round.target,
            list_length=round.list_length,
            score_band=round.score_band,
            compare=round.compare,
            at=at.isoformat(),
        )
        return FreezeResult(**{**answer, "floors": tuple(Floor(**floor) for floor in answer["floors"])})

    async def solve(self, round: Round, folder: Path) -> SolveResult:
        answer = await self._done("solve", folder, target=round.target)
        return SolveResult(**{**answer, "figures": Compared.model_validate(answer["figures"])})

    async def plan(self, repair: Repair, *, at: datetime) -> tuple[Planned, Sequence[str]]:
        with self.folder() as folder:
            answer = await self._done(
                "repair",
                folder,
                uri=self._uri,
                database=self._database,
                repair=repair.id,
                edition=f"{repair.id}.{repair.version}",
                programme=repair.programme,
                bystanders=repair.bystanders_at_most,
                at=at.isoformat(),
            )
        steps = [step_of(step) for step in answer["steps"]]
        return Planned(plan=Plan(**answer["plan"]), steps=steps, void=answer["void"]), answer["seen"]

    async def simulate(self, simulation: Simulation) -> Simulated:
        with self.folder() as folder:
            answer = await self._done(
                "simulate",
                folder,
                uri=self._uri,
                database=self._database,
                programme=simulation.programme,
                draft=asdict(simulation.draft),
            )
        return result_of(answer)

    async def _done(self, what: str, folder: Path, **job: Any) -> Mapping[str, Any]:
        child = await asyncio.create_subprocess_exec(
            *_leash(),
            sys.executable,
            "-m",
            "services.matching.solver_process",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            return await _answer(child, {**job, "do": what, "folder": str(folder)})
        except BaseException:
            with suppress(ProcessLookupError):  # it has ended already
                child.kill()
            raise
        finally:
            await child.wait()


def _leash() -> Sequence[str]:
    """Where possible the kernel ends the process with its parent: a long calculation does not read standard input."""
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "KILL", "--") if setpriv else ()


async def _answer(child: asyncio.subprocess.Process, job: Mapping[str, Any]) -> Mapping[str, Any]:
    """Standard input stays open as long as the answer is waited for."""
    if child.stdin is None or child.stdout is None:
        raise LookupError("a solver process without pipes")
    child.stdin.write(json.dumps(job).encode() + b"\n")
    failpoints.reach("before-answer")
    output = await child.stdout.read()
    if not output:
        raise RuntimeError(f"the solver process ended without an answer, status {await child.wait()}: its log says why")
    answer: Mapping[str, Any] = json.loads(output)
    if wrong := answer.get("wrong"):
        raise Rejected(wrong["code"], wrong["message"], tuple(FieldError(**error) for error in wrong["errors"]))
    return answer


def main() -> None:
    gc.disable()  # a third of the time went into looking for cycles among millions of objects, in a life of a minute
    job = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_the_service, daemon=True).start()
    folder = Path(job["folder"])
    try:
        answer = _answered(job, folder)
    except DomainError as wrong:
        errors = [asdict(error) for error in wrong.errors] if isinstance(wrong, Rejected) else []
        answer = {"wrong": {"code": wrong.code, "message": wrong.message, "errors": errors}}
    sys.stdout.write(json.dumps(answer))


def _answered(job: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    match job["do"]:
        case "freeze":
            return asyncio.run(_freeze(job, folder))
        case "repair":
            return asyncio.run(_plan(job))
        case "simulate":
            return asyncio.run(_simulate(job))
        case _:
            return _solve(job["target"], folder)


def _end_with_the_service() -> None:
    """Past Python's buffer, whose lock would be in the way of a regular end."""
    while os.read(sys.stdin.fileno(), 1):
        continue
    os._exit(1)


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
        engaged=await store.engaged(database, programme),
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


def _solve(target: Target, folder: Path) -> dict[str, Any]:
    is_new = _retarget(folder / INPUT, target)
    result = solve((folder / INPUT).read_bytes())
    (folder / RESULT).write_bytes(result.file())
    with (folder / PLACES).open("w", encoding="utf-8") as file:
        file.writelines(
            json.dumps(line) + "\n" for line in _place_lines(result, json.loads((folder / PEOPLE).read_bytes()))
        )
    return {"solver": result.solver, "is_input_new": is_new, "figures": result.figures.model_dump(mode="json")}


def _retarget(path: Path, target: Target) -> bool:
    """The target is the last thing that a canonical input says."""
    content = path.read_bytes()
    if content.endswith(f'"target":"{target}"}}\n'.encode()):
        return False
    value = canonical.loaded(content, what="the input")
    path.write_bytes(parsed_input({**value, "target": target}).file())
    return True


def _place_lines(result: RoundResult, people: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The lines of the places file: one for each mentee, with the mentor, or with the reason and what would help."""
    mentors = {number: {"member": member, "institution": home} for number, member, home in people["mentors"]}
    mentees = {number: person for number, *person in people["mentees"]}
    unmatched_by_mentee = {unmatched.mentee: unmatched for unmatched in result.unmatched}
    for mentee in result.mentees:
        member, home, since, days, own_reason = mentees[mentee.id]
        unmatched = unmatched_by_mentee.get(mentee.id)
        reason = unmatched.reason if unmatched else None
        yield {
            "number": mentee.id,
            "mentee": {"member": member, "institution": home},
            "mentor": mentors[mentee.mentor] if mentee.mentor else None,
            "choice": mentee.place,
            "pinned": mentee.pinned,
            "reason": own_reason or reason if reason == "no_wishes" else reason,
            "opens": [
                {"mentor": mentors[opening.mentor], "seats": opening.seats}
                for opening in (unmatched.opens[:_OPENINGS] if unmatched else ())
            ],
            "since": since,
            # The result's order of the unmatched: the longest wait first, then by lot.
            "order": f"{_LAST_DAY - days:05}.{seed(result.round, mentee.id):016x}.{mentee.id}",
        }


if __name__ == "__main__":
    configure_logs("matching-solver")
    sys.excepthook = lambda *fault: _log.critical("the solver process failed", exc_info=fault)
    main()
