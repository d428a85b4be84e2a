"""Takes one job on standard input and answers on standard output; ends when the service that started it does.

A job imports its own modules, because most of the time of a small one goes into imports: solving needs no database.
"""

import gc
import json
import os
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any

from shared.errors import DomainError, Rejected


def main() -> None:
    gc.disable()  # a third of the time went into looking for cycles among millions of objects, in a life of a minute
    job = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_the_service, daemon=True).start()
    folder = Path(job["folder"])
    try:
        answer = _answer_to(job, folder)
    except DomainError as wrong:
        errors = [asdict(error) for error in wrong.errors] if isinstance(wrong, Rejected) else []
        answer = {"wrong": {"code": wrong.code, "message": wrong.message, "errors": errors}}
    sys.stdout.write(json.dumps(answer))


def _answer_to(job: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    if job["do"] == "solve":
        from services.matching.solver_process import solving

        return solving.solve_round(job["target"], folder)
    from services.matching.solver_process import from_database

    return from_database.answer(job, folder)


def _end_with_the_service() -> None:
    """Past Python's buffer, whose lock would be in the way of a regular end."""
    while os.read(sys.stdin.fileno(), 1):
        continue
    os._exit(1)


def _log_fault(kind: type[BaseException], fault: BaseException, frames: TracebackType | None) -> None:
    from shared.telemetry import configure_logs, logger

    configure_logs("matching-solver")
    logger(__name__).critical("the solver process failed", exc_info=(kind, fault, frames))


if __name__ == "__main__":
    sys.excepthook = _log_fault
    main()
