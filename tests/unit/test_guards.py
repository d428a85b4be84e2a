"""The rules of the house, each seen red once: import contracts in a broken copy, the others on snippets."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("services", "shared")

Guard = Callable[[ast.Module], Iterator[int]]


def _reads_a_clock_or_chance(tree: ast.Module) -> Iterator[int]:
    """Clocks and ids come from shared.clock; chance comes in as an argument. A seeded `Random(…)` is no chance."""
    for node in ast.walk(tree):
        if (
            (isinstance(node, ast.Import | ast.ImportFrom) and _imports_forbidden(node))
            or (isinstance(node, ast.Attribute) and _is_forbidden(node))
            or (isinstance(node, ast.Call) and _called(node) == "Random" and not node.args)
        ):
            yield node.lineno


_FORBIDDEN: Mapping[str, frozenset[str]] = {
    "time": frozenset({"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns"}),
    "datetime": frozenset({"now", "utcnow", "today"}),
    "date": frozenset({"today"}),
    "uuid": frozenset({"uuid1", "uuid4", "uuid6", "uuid7"}),
    "os": frozenset({"urandom"}),
    "random": frozenset(
        {"random", "uniform", "randint", "randrange", "choice", "choices", "shuffle", "sample", "SystemRandom"}
    ),
}


def _is_forbidden(node: ast.Attribute) -> bool:
    owner = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
    return node.attr in _FORBIDDEN.get(owner, frozenset())


def _imports_forbidden(node: ast.Import | ast.ImportFrom) -> bool:
    names = {alias.name for alias in node.names}
    if isinstance(node, ast.Import):
        return "uuid_utils" in names
    forbidden = _FORBIDDEN.get(node.module or "", frozenset())
    return node.module == "uuid_utils" or bool(names & forbidden) or (bool(forbidden) and "*" in names)


def _called(node: ast.Call) -> str:
    return str(getattr(node.func, "attr", getattr(node.func, "id", "")))


def _catches_everything(tree: ast.Module) -> Iterator[int]:
    """`BaseException` may be caught by who raises it again: what is caught must be undone, not judged."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        caught = {name.id for name in ast.walk(node.type) if isinstance(name, ast.Name)} if node.type else {""}
        raises_again = any(isinstance(statement, ast.Raise) and statement.exc is None for statement in node.body)
        if caught & {"", "Exception"} or ("BaseException" in caught and not raises_again):
            yield node.lineno


def _prints(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            yield node.lineno


def _postpones_annotations(tree: ast.Module) -> Iterator[int]:
    """FastAPI, FastStream and pydantic read annotations when they run."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            yield from (node.lineno for alias in node.names if alias.name == "annotations")


ALLOWED: Mapping[Guard, frozenset[str]] = {
    _reads_a_clock_or_chance: frozenset({"shared/clock.py"}),
    _catches_everything: frozenset(
        {
            "services/profiles/rosters/worker.py",  # raised again, together, when the other rosters are applied
            "shared/consuming/projecting.py",
            "shared/consuming/reactions.py",
            "shared/consuming/subscriber.py",
            "shared/service.py",
        }
    ),
    _prints: frozenset(),
    _postpones_annotations: frozenset(),
}

RED: list[tuple[Guard, str]] = [
    (_reads_a_clock_or_chance, "import time\ntime.time()"),
    (_reads_a_clock_or_chance, "import time\ntime.monotonic()"),
    (_reads_a_clock_or_chance, "from time import monotonic"),
    (_reads_a_clock_or_chance, "from datetime import UTC, datetime\ndatetime.now(UTC)"),
    (_reads_a_clock_or_chance, "import datetime\ndatetime.datetime.utcnow()"),
    (_reads_a_clock_or_chance, "from datetime import date\ndate.today()"),
    (_reads_a_clock_or_chance, "field(default_factory=datetime.now)"),
    (_reads_a_clock_or_chance, "import uuid\nuuid.uuid4()"),
    (_reads_a_clock_or_chance, "from uuid import uuid1"),
    (_reads_a_clock_or_chance, "import uuid\nuuid.uuid7()"),
    (_reads_a_clock_or_chance, "import uuid_utils"),
    (_reads_a_clock_or_chance, "from uuid_utils import uuid7"),
    (_reads_a_clock_or_chance, "import random\nrandom.uniform(0, 1)"),
    (_reads_a_clock_or_chance, "from random import choice"),
    (_reads_a_clock_or_chance, "from random import *"),
    (_reads_a_clock_or_chance, "import random\nrandom.Random()"),
    (_reads_a_clock_or_chance, "def later():\n    import os\n    return os.urandom(8)"),
    (_catches_everything, "try:\n    act()\nexcept:\n    raise"),
    (_catches_everything, "try:\n    act()\nexcept Exception:\n    raise"),
    (_catches_everything, "try:\n    act()\nexcept (ValueError, Exception) as fault:\n    log(fault)"),
    (_catches_everything, "try:\n    act()\nexcept BaseException:\n    pass"),
    (_catches_everything, "async def f():\n    try:\n        act()\n    except* Exception:\n        pass"),
    (_prints, "print('here')"),
    (_prints, "def f():\n    print()"),
    (_postpones_annotations, "from __future__ import annotations"),
]

GREEN: list[tuple[Guard, str]] = [
    (_reads_a_clock_or_chance, "clock.now(); clock.monotonic(); now.time()"),
    (_reads_a_clock_or_chance, "import uuid\nuuid.uuid5(uuid.NAMESPACE_URL, 'x')"),
    (_reads_a_clock_or_chance, "import random\nrandom.Random(7).shuffle(rows)"),
    (_reads_a_clock_or_chance, "from datetime import datetime\ndatetime.fromisoformat('2026-01-01')"),
    (_catches_everything, "try:\n    act()\nexcept ValueError:\n    pass"),
    (_catches_everything, "try:\n    act()\nexcept BaseException:\n    undo()\n    raise"),
    (_prints, "console.print('here')"),
    (_postpones_annotations, "from __future__ import generator_stop"),
]


@pytest.mark.parametrize(("guard", "snippet"), RED, ids=lambda value: getattr(value, "__name__", repr(value)))
def test_each_guard_reports_its_violation(guard: Guard, snippet: str) -> None:
    assert list(guard(ast.parse(snippet)))


@pytest.mark.parametrize(("guard", "snippet"), GREEN, ids=lambda value: getattr(value, "__name__", repr(value)))
def test_no_guard_reports_allowed_code(guard: Guard, snippet: str) -> None:
    assert list(guard(ast.parse(snippet))) == []


@pytest.mark.parametrize("guard", ALLOWED, ids=lambda guard: guard.__name__)
def test_the_source_tree_passes_every_guard(guard: Guard) -> None:
    wrong = [f"{path}:{line}" for path, tree in _tree().items() if path not in ALLOWED[guard] for line in guard(tree)]
    assert wrong == []


@pytest.mark.parametrize("guard", ALLOWED, ids=lambda guard: guard.__name__)
def test_no_exception_from_a_guard_outlives_its_reason(guard: Guard) -> None:
    tree = _tree()
    assert [path for path in ALLOWED[guard] if not list(guard(tree[path]))] == []


@cache
def _tree() -> dict[str, ast.Module]:
    files = [file for room in ROOMS for file in sorted((ROOT / room).rglob("*.py"))]
    assert len(files) > 50, "the guards look at something"
    return {file.relative_to(ROOT).as_posix(): ast.parse(file.read_text(encoding="utf-8")) for file in files}


PLANTED: Mapping[str, list[tuple[str, str, str]]] = {
    "Services are independent": [
        ("services/profiles/planted.py", "import services.matching", "services.profiles.planted")
    ],
    "shared knows no service": [
        ("shared/planted_service.py", "import services.profiles", "shared.planted_service -> services.profiles"),
        ("shared/planted_deploy.py", "import deploy", "shared.planted_deploy -> deploy"),
    ],
    "Each slice of matching imports only slices below it": [
        (
            "services/matching/mentoring/planted_upwards.py",
            "import services.matching.rounds",
            "services.matching.mentoring is not allowed to import services.matching.rounds",
        ),
        (
            "services/matching/kernel/planted_upwards.py",
            "import services.matching.projections",
            "services.matching.kernel is not allowed to import services.matching.projections",
        ),
    ],
    "Each slice of profiles imports only slices below it": [
        (
            "services/profiles/members/planted_upwards.py",
            "import services.profiles.rosters",
            "services.profiles.members is not allowed to import services.profiles.rosters",
        ),
        (
            "services/profiles/cards/planted_sideways.py",
            "import services.profiles.consents",
            "services.profiles.cards is not allowed to import services.profiles.consents",
        ),
    ],
    "Inside a slice of profiles": [
        (
            "services/profiles/rosters/domain/planted_upwards.py",
            "import services.profiles.rosters.repository",
            "rosters.domain.planted_upwards -> services.profiles.rosters.repository",
        ),
    ],
    "Inside a slice: wiring": [
        (
            "services/matching/rounds/domain/planted_upwards.py",
            "import services.matching.rounds.repository",
            "rounds.domain.planted_upwards -> services.matching.rounds.repository",
        ),
    ],
    "Each slice of mentorships imports only slices below it": [
        (
            "services/mentorships/policies/planted_upwards.py",
            "import services.mentorships.lifecycle",
            "services.mentorships.policies is not allowed to import services.mentorships.lifecycle",
        ),
    ],
    "Inside a slice of mentorships": [
        (
            "services/mentorships/projections/usecases.py",
            "import services.mentorships.projections.repository",
            "projections.usecases -> services.mentorships.projections.repository",
        ),
    ],
    "Each slice of notifications imports only slices below it": [
        (
            "services/notifications/inbox/planted_upwards.py",
            "import services.notifications.notifying",
            "services.notifications.inbox is not allowed to import services.notifications.notifying",
        ),
    ],
    "Inside a slice of notifications": [
        (
            "services/notifications/inbox/usecases/planted_upwards.py",
            "import services.notifications.inbox.repository",
            "usecases.planted_upwards -> services.notifications.inbox.repository",
        ),
    ],
    "Areas of web know nothing of each other": [
        ("services/web/home/planted.py", "import services.web.sign_in", "web.home.planted -> services.web.sign_in"),
        ("services/web/session/planted.py", "import services.web.pages", "web.session.planted -> services.web.pages"),
    ],
    "Web knows what the services answer over HTTP": [
        ("services/web/pages/planted.py", "import shared.kafka", "web.pages.planted -> shared.kafka"),
    ],
    "Decisions and use cases do no input or output": [
        *(
            (f"services/{room}/planted_{name}.py", f"import {name}", f"planted_{name} -> {name}")
            for room in ("matching/mentoring/domain", "matching/kernel", "profiles/rosters/domain")
            for name in ("motor", "pymongo", "aiokafka", "faststream", "fastapi", "httpx", "uvicorn", "starlette")
        ),
        (
            "services/matching/mentoring/usecases/planted_store.py",
            "import shared.mongo",
            "planted_store -> shared.mongo",
        ),
    ],
    "Only shared.mongo names the driver": [
        (
            "services/matching/mentoring/repository/planted_driver.py",
            "import pymongo",
            "repository.planted_driver -> pymongo",
        ),
        ("shared/planted_driver.py", "def later():\n    import motor", "shared.planted_driver -> motor"),
        ("shared/http/planted_driver.py", "from bson import ObjectId", "shared.http.planted_driver -> bson"),
    ],
    "The verifier stands alone": [
        ("deploy/verify.py", "import services.matching.rounds.domain\nimport numpy", "deploy.verify -> numpy"),
    ],
}


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What lint-imports says of a copy of the tree in which every contract is broken."""
    copy = tmp_path_factory.mktemp("broken")
    for room in (*ROOMS, "deploy"):
        shutil.copytree(ROOT / room, copy / room, ignore=shutil.ignore_patterns("__pycache__", "*.json", "*.csv"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    for path, content, _ in (example for planted in PLANTED.values() for example in planted):
        (copy / path).write_text(content + "\n", encoding="utf-8")
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    # Wide: the terminal's width would break the lines that are looked for.
    done = subprocess.run(
        command, cwd=copy, capture_output=True, text=True, check=False, timeout=120, env={"COLUMNS": "300"}
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return re.sub(r"\s+", " ", done.stdout)


@pytest.mark.parametrize("contract", PLANTED)
def test_each_import_contract_reports_its_violation(contract: str, broken: str) -> None:
    assert re.search(re.escape(contract) + r"[^.]{0,90}? BROKEN", broken), broken[:2000]
    assert [seen for _, _, seen in PLANTED[contract] if seen not in broken] == []


def test_every_import_contract_of_the_project_is_tested(broken: str) -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    names = [contract["name"] for contract in contracts]
    assert [name for name in names if not any(name.startswith(known) for known in PLANTED)] == []
    assert "0 kept" in broken
