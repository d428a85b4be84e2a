"""A handler that swallows an exception has a comment that says why that is right, and so has each `suppress`."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def unexplained(source: str) -> Iterator[int]:
    """Lines of handlers that only pass, continue or return a constant, without a comment. A handler that raises,
    calls something or returns a computed value does something about the exception.
    """
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ExceptHandler) and all(map(_is_empty, node.body)):
            found = (node.lineno, node.end_lineno or node.lineno)
        elif isinstance(node, ast.With) and any(map(_is_suppress, node.items)):
            found = (node.lineno, node.lineno)
        else:
            continue
        if not any("#" in line for line in lines[found[0] - 1 : found[1]]):
            yield found[0]


def _is_empty(statement: ast.stmt) -> bool:
    is_constant = isinstance(statement, ast.Return) and isinstance(statement.value, ast.Constant | None)
    return is_constant or isinstance(statement, ast.Pass | ast.Continue)


def _is_suppress(item: ast.withitem) -> bool:
    call = item.context_expr
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "suppress"


@pytest.mark.parametrize(
    "source",
    [
        "try:\n    act()\nexcept ValueError:\n    pass",
        "for each in many:\n    try:\n        act()\n    except ValueError:\n        continue",
        "def f():\n    try:\n        act()\n    except ValueError:\n        return False",
        "with suppress(ValueError):\n    act()",
    ],
)
def test_an_exception_swallowed_without_a_reason_is_found(source: str) -> None:
    assert list(unexplained(source))


@pytest.mark.parametrize(
    "source",
    [
        "try:\n    act()\nexcept ValueError:  # not a number: the caller asks again\n    pass",
        "try:\n    act()\nexcept ValueError:\n    raise Refused from None",
        "try:\n    act()\nexcept ValueError as wrong:\n    errors.append(wrong)",
        "with suppress(ValueError):  # it has ended already\n    act()",
    ],
)
def test_a_handler_that_acts_or_has_a_reason_is_allowed(source: str) -> None:
    assert list(unexplained(source)) == []


def test_every_swallowed_exception_has_a_reason() -> None:
    paths = [path for folder in ("services", "shared", "deploy") for path in (ROOT / folder).rglob("*.py")]
    found = {path.relative_to(ROOT).as_posix(): [*unexplained(path.read_text(encoding="utf-8"))] for path in paths}
    assert {path: lines for path, lines in found.items() if lines} == {}
