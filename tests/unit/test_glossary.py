"""docs/glossary.md: each name in the column `in the code` is defined in the code, and each term stands once."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
GLOSSARY = ROOT / "docs" / "glossary.md"
_ROW = re.compile(r"^\| (?P<term>[^|]+) \| [^|]+ \| (?P<names>[^|]+) \|$", re.MULTILINE)
_HEADING = "term"


def rows(text: str) -> list[tuple[str, list[str]]]:
    found = [(match["term"], re.findall(r"`(\w+)`", match["names"])) for match in _ROW.finditer(text)]
    return [(term, names) for term, names in found if term != _HEADING]


def unknown(text: str, defined: frozenset[str]) -> list[str]:
    """Terms without a name, and names that nothing defines."""
    nameless = [term for term, names in rows(text) if not names]
    return nameless + [name for _, names in rows(text) for name in names if name not in defined]


def defined_names() -> frozenset[str]:
    modules = [path for folder in ("services", "shared", "deploy") for path in (ROOT / folder).rglob("*.py")]
    return frozenset(name for path in modules for name in _names_of(ast.parse(path.read_text(encoding="utf-8"))))


def _names_of(tree: ast.Module) -> Iterator[str]:
    """Of classes, functions and constants of the module, and of nothing inside them."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name))


def test_every_name_in_the_glossary_is_defined_in_the_code() -> None:
    text = GLOSSARY.read_text(encoding="utf-8")
    assert rows(text)
    assert unknown(text, defined_names()) == []


def test_every_line_of_a_table_is_read_as_a_term() -> None:
    text = GLOSSARY.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith(f"| {_HEADING} ")]
    assert len(lines) == len(rows(text))


def test_no_term_is_defined_twice() -> None:
    terms = Counter(term for term, _ in rows(GLOSSARY.read_text(encoding="utf-8")))
    assert [term for term, count in terms.items() if count > 1] == []


def test_a_name_that_does_not_exist_and_a_term_without_one_are_found() -> None:
    text = "| seat | of a mentor | `SEATS` |\n| throne | of a king | `Throne` |\n| stool | low | none |\n"
    assert unknown(text, frozenset({"SEATS"})) == ["stool", "Throne"]
