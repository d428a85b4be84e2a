"""Writes docs/schemas/ from the models of the round's files: `python -m deploy.rounds.schemas`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from services.matching.repairs.domain.departed import RoundRepair
from services.matching.rounds.solver.files import RoundInput, RoundResult

FOLDER = Path(__file__).parent.parent.parent / "docs" / "schemas"


def schemas() -> Mapping[str, str]:
    """By file name, as text."""
    return {
        "round-input.schema.json": _text("round-input", RoundInput.model_json_schema(mode="validation")),
        "round-result.schema.json": _text("round-result", RoundResult.model_json_schema(mode="validation")),
        "round-repair.schema.json": _text("round-repair", RoundRepair.model_json_schema(mode="validation")),
    }


def _text(name: str, schema: dict[str, Any]) -> str:
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:preceptor:{name}:1"}
    return json.dumps({**head, **schema}, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in schemas().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
