"""The service's side of the solver process: starts it for one job, and reads the answer."""

import asyncio
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from services.matching.repairs.domain.lifecycle import Plan, Repair
from services.matching.repairs.repository.repairs import step_of
from services.matching.repairs.usecases.problem import Planned
from services.matching.rounds.domain.lifecycle import Round
from services.matching.rounds.repository.documents import closed_mentors
from services.matching.rounds.solver.files import Compared
from services.matching.rounds.solver.floors import Floor
from services.matching.rounds.solver_folders import locked_folder
from services.matching.rounds.worker.solving import FreezeResult, SolveResult
from services.matching.simulations.lifecycle import Result as Simulated
from services.matching.simulations.lifecycle import Simulation
from services.matching.simulations.repository import result_of
from shared import failpoints
from shared.errors import FieldError, Rejected


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
        figures, closed = Compared.model_validate(answer["figures"]), closed_mentors(answer["closed"])
        return SolveResult(**{**answer, "figures": figures, "closed": closed})

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
