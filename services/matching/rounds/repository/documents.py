"""Documents ↔ rounds."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from services.matching.jobs.repository import MongoJobs, fields_of
from services.matching.kernel.pairs import Party
from services.matching.rounds.domain.lifecycle import ClosedMentor, File, Frozen, Round, Solved, Trouble
from services.matching.rounds.solver.files import Compared
from services.matching.rounds.solver.floors import Floor
from shared.errors import FieldError
from shared.mongo import Database, Document

ROUNDS = "rounds"


def round_jobs(database: Database) -> MongoJobs[Round]:
    return MongoJobs(database, ROUNDS, Round, to_document=_document_of, from_document=round_of)


def edition_of(round: Round) -> str | None:
    """Key of the result that laid out the round's places."""
    return round.solved.result.key if round.solved else None


def round_of(document: Document) -> Round:
    frozen, solved, trouble = document["frozen"], document["solved"], document["trouble"]
    return Round(
        **fields_of(document),
        target=document["target"],
        list_length=document["list_length"],
        score_band=document["score_band"],
        compare=document["compare"],
        orders=File(**document["orders"]),
        correlation=document["correlation"],
        frozen=_frozen(frozen) if frozen else None,
        solved=_solved(solved) if solved else None,
        published_at=document["published_at"],
        trouble=_trouble(trouble) if trouble else None,
    )


def _document_of(round: Round) -> Document:
    solved = round.solved
    return {
        "target": round.target,
        "list_length": round.list_length,
        "score_band": round.score_band,
        "compare": round.compare,
        "orders": asdict(round.orders),
        "correlation": round.correlation,
        "frozen": asdict(round.frozen) if round.frozen else None,
        "solved": _solved_document(solved) if solved else None,
        "published_at": round.published_at,
        "trouble": asdict(round.trouble) if round.trouble else None,
    }


def _frozen(document: Document) -> Frozen:
    files = {name: File(**document[name]) for name in ("input", "people")}
    floors = tuple(Floor(**floor) for floor in document.get("floors", ()))  # absent from older documents
    return Frozen(**{**document, **files, "floors": floors})


def _solved_document(solved: Solved) -> Document:
    return {
        "input": asdict(solved.input),
        "result": asdict(solved.result),
        "solver": solved.solver,
        "figures": solved.figures.model_dump(mode="json"),
        "closed": [asdict(closed) for closed in solved.closed],
    }


def _solved(document: Document) -> Solved:
    return Solved(
        input=File(**document["input"]),
        result=File(**document["result"]),
        solver=document["solver"],
        figures=Compared.model_validate(document["figures"]),
        closed=closed_mentors(document.get("closed", ())),  # absent from older documents
    )


def closed_mentors(rows: Iterable[Mapping[str, Any]]) -> tuple[ClosedMentor, ...]:
    return tuple(ClosedMentor(**{**row, "mentor": Party(**row["mentor"])}) for row in rows)


def _trouble(document: Document) -> Trouble:
    errors = tuple(FieldError(**error) for error in document["errors"])
    return Trouble(code=document["code"], message=document["message"], errors=errors)
