"""The commands `./dev test` and `./dev check`: run the tiers that this machine can run, and say why others cannot."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from deploy import guarantees
from deploy.stack import env, images, kafka
from deploy.stack.model import Unavailable

ROOT = Path(__file__).parent.parent
TIERS = ("unit", "contract", "component", "e2e", "browser", "crash")
_PARALLEL = ("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder")
"""Workers wait half of the time. Each has its own servers, and takes files as tests/conftest.py says."""
_NEED_SERVERS = frozenset({"component", "e2e", "browser", "crash"})
_CHECKS = (
    ("format", ("ruff", "format", "--check", ".")),
    ("lint", ("ruff", "check", ".")),
    ("types", ("mypy",)),
    ("imports", ("lint-imports", "--no-cache")),
)


def check(console: Console) -> int:
    """Runs all checks, so that one run shows every fault."""
    failed = []
    for name, command in _CHECKS:
        console.rule(name, align="left")
        if subprocess.run(
            [str(Path(sys.executable).parent / command[0]), *command[1:]], cwd=ROOT, check=False
        ).returncode:
            failed.append(name)
    console.print(f"failed: {', '.join(failed)}" if failed else "format, lint, types and import rules: no faults")
    return len(failed)


def test(wanted: Sequence[str], console: Console, *, full: bool) -> int:
    """Runs tiers, files, or single tests (`FILE::NAME`). Says first what cannot run; pytest's summary comes last.
    `full`: runs every crash test and every example, and writes docs/guarantees.md.
    """
    wanted = list(wanted or TIERS)
    if unknown := [each for each in wanted if each not in TIERS and not _is_path(each)]:
        console.print(
            f"there is no kind of test or file {', '.join(unknown)}: choose from {', '.join(TIERS)}, or name test files"
        )
        return 2
    reason = why_no_servers() if any(_needs_servers(each) for each in wanted) else None
    in_ci = os.environ.get("CI") == "true"
    if reason and not in_ci:
        for each in filter(_needs_servers, wanted):
            console.print(f"not run: {each}: {reason}", style="yellow", highlight=False)
        wanted = [each for each in wanted if not _needs_servers(each)]
    console.print(f"running: {', '.join(wanted)}", highlight=False)
    folders = [each if _is_path(each) else f"tests/{each}" for each in wanted]
    if not folders:
        return 0
    crashes: AbstractContextManager[Mapping[str, str]] = nullcontext({})
    depth = {"PRECEPTOR_TEST_DEPTH": "full"} if full else {}
    if full and "crash" in wanted:
        crashes = _recorded_crashes()
    with crashes as recording:
        parallel = _PARALLEL if len(folders) > 1 or wanted[0] in TIERS else ()
        command = [sys.executable, "-m", "pytest", *parallel, *folders]
        return subprocess.run(command, cwd=ROOT, env={**os.environ, **depth, **recording}, check=False).returncode


def _is_path(name: str) -> bool:
    return (ROOT / name.partition("::")[0]).exists() and name not in TIERS


def _needs_servers(name: str) -> bool:
    """By tier, which is a part of a test's path."""
    return bool(_NEED_SERVERS & set(Path(name.partition("::")[0]).parts))


@contextmanager
def _recorded_crashes() -> Iterator[Mapping[str, str]]:
    """Environment of a full run. An interrupted run leaves the page as it was."""
    with TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.jsonl"
        yield {"PRECEPTOR_CRASH": "full", "PRECEPTOR_CRASH_RESULTS": str(rows)}
        if rows.exists():
            guarantees.write(guarantees.rows_of(rows.read_text(encoding="utf-8").splitlines()))


def why_no_servers() -> str | None:
    """None where tests can use Kafka and MongoDB. Checks in the order of tests/servers.py."""
    try:
        env.find(os.environ)
    except Unavailable:  # no addresses in the environment: the next kind may be usable
        pass
    else:
        return None
    if (native := kafka.why_not()) is None:
        return None
    try:
        images.require(images.KAFKA, images.MONGO)
    except Unavailable as docker:
        return f"docker: {docker}; native: {native}"
    return None
