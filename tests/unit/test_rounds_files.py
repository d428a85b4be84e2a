"""The files' forms: schemas as committed, one input one text, and a golden round that holds the solver's version."""

import ast
import json
import sys
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given

from deploy import verify
from deploy.rounds.schemas import FOLDER, schemas
from services.matching.rounds.solver import canonical
from services.matching.rounds.solver.files import RoundResult, read_input
from services.matching.rounds.solver.solving import solve
from services.matching.rounds.solver.version import SOLVER
from tests.depth import examples
from tests.unit.rounds_kit import Document, content, documents, pretty
from tests.unit.test_rounds_tampering import COVERAGE, FIT

GOLDEN = {
    "fit": "cc853ad3f334e33473e2e1400d88fa31bed10e9231b75e2b8350c2e5e3702cfc",
    "coverage": "9365cc6641dff0164eb061f747f0e44ba7a37325e75312484ab0bdc74ddd14d5",
}
_VALIDATORS = {
    name: jsonschema.Draft202012Validator(json.loads((FOLDER / f"{name}.schema.json").read_text(encoding="utf-8")))
    for name in ("round-input", "round-result")
}


@pytest.mark.parametrize("given", [FIT, COVERAGE], ids=["fit", "coverage"])
def test_the_golden_round_keeps_its_bytes(given: Document) -> None:
    """Where this fails the solver answers otherwise than the one of the same version did: raise SOLVER."""
    assert SOLVER == "preceptor-rounds-2"
    assert canonical.sha256(solve(content(given)).file()) == GOLDEN[given["target"]]


@pytest.mark.parametrize("name", schemas())
def test_each_schema_is_committed_as_the_models_have_it(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == schemas()[name], "run: python -m deploy.rounds.schemas"


@examples(100)
@given(documents())
def test_both_files_keep_their_schemas(given: Document) -> None:
    result = solve(content(given))
    for name, file in (("round-input", read_input(content(given)).file()), ("round-result", result.file())):
        _VALIDATORS[name].validate(json.loads(file))


@examples(100)
@given(documents())
def test_a_file_read_and_written_again_is_the_same(given: Document) -> None:
    written = read_input(content(given)).file()
    assert read_input(written).file() == written
    result = solve(written)
    assert RoundResult.model_validate_json(result.file()).file() == result.file()
    assert solve(written).file() == result.file()


def test_another_layout_changes_the_file_hash_and_nothing_else() -> None:
    tight, loose = (json.loads(solve(file).file()) for file in (content(FIT), pretty(FIT)))
    assert tight["input"]["sha256"] == loose["input"]["sha256"]
    assert tight["input"].pop("file_sha256") != loose["input"].pop("file_sha256")
    assert {**tight, "sha256": ""} == {**loose, "sha256": ""}


def test_the_smallest_example_in_the_docs_is_valid() -> None:
    page = (FOLDER.parent / "rounds.md").read_text(encoding="utf-8")
    example = page.split("```json\n")[1].split("```")[0]
    assert verify.verify(example.encode(), solve(example.encode()).file()).startswith("1 of 1 matched")


def test_the_verifier_imports_nothing_but_the_standard_library() -> None:
    tree = ast.parse(Path(verify.__file__).read_text(encoding="utf-8"))
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names
