"""Every path that the documentation names exists: those in backticks, and the targets of links."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "decisions").glob("*.md")])
HISTORY = {"CHANGELOG.md"}
"""Says what was true, so its paths may be gone; the same holds for paths in decisions, but not for their links."""

_QUOTED = re.compile(r"`([\w.-]+(?:/[\w.-]+)*/?)`")
_LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)(?:#[^)]*)?\)")
_FOLDERS = frozenset(path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith("."))
_FILES = (".py", ".md", ".toml", ".yaml", ".txt")


def missing_paths(text: str, page: Path) -> list[str]:
    return [path for line in text.splitlines() for path in _missing_on(line, page)]


def missing_links(text: str, page: Path) -> list[str]:
    return [link for link in _LINK.findall(text) if not (page.parent / link).exists()]


def _missing_on(line: str, page: Path) -> Iterator[str]:
    """After a full path, the same line may name other files from that path's folder, or from one above it."""
    bases = [ROOT, page.parent]
    for path in filter(_is_path, _QUOTED.findall(line)):
        if (ROOT / path).exists():
            folder = ROOT / path
            bases = [ROOT, page.parent, folder, *(parent for parent in folder.parents if parent.is_relative_to(ROOT))]
        elif not any((base / path).exists() for base in bases):
            yield path


def _is_path(quoted: str) -> bool:
    return quoted.endswith(_FILES) or ("/" in quoted and quoted.partition("/")[0] in _FOLDERS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_between_pages_leads_somewhere(page: Path) -> None:
    assert missing_links(page.read_text(encoding="utf-8"), page) == []


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.parent.name != "decisions" and page.name not in HISTORY],
    ids=lambda p: p.name,
)
def test_every_path_of_the_repository_in_a_page_exists(page: Path) -> None:
    assert missing_paths(page.read_text(encoding="utf-8"), page) == []


@pytest.mark.parametrize(
    "line",
    [
        "see `services/matching/nowhere.py`",
        "the folder `services/nowhere/`",
        "`services/matching/app.py`, then `nowhere.py`",
        "`services/matching/app.py`, then `suggestions/nowhere.py`",
        "`app.py` alone says not whose",
    ],
)
def test_a_path_that_does_not_exist_is_found(line: str) -> None:
    assert len(missing_paths(line, ROOT / "docs" / "page.md")) == 1


@pytest.mark.parametrize(
    "line",
    [
        "`services/matching/app.py`, `settings.py`, `suggestions/queue.py`",
        "`services/matching/`",
        "the route `/me/requests`, the type `application/json`, a value of `4`",
        "`pyproject.toml` and `architecture.md`",
    ],
)
def test_existing_paths_and_other_text_are_not_reported(line: str) -> None:
    assert missing_paths(line, ROOT / "docs" / "page.md") == []


def test_a_link_to_a_page_that_does_not_exist_is_found() -> None:
    assert missing_links("[a](nowhere.md) [b](architecture.md#slices)", ROOT / "docs" / "page.md") == ["nowhere.md"]
