"""`./dev test` and `./dev check`: which tiers run here, which cannot and why."""

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
TIERS = ("unit", "contract", "component", "e2e", "crash")
_SIDE_BY_SIDE = ("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder")
"""Half of the time is waiting. Each worker has its own servers, and takes files in the order of tests/conftest.py."""
_NEED_SERVERS = frozenset({"component", "e2e", "crash"})
_CHECKS = (
    ("format", ("ruff", "format", "--check", ".")),
    ("lint", ("ruff", "check", ".")),
    ("types", ("mypy",)),
    ("imports", ("lint-imports", "--no-cache")),
)


def check(console: Console) -> int:
    """All of them, so that one run shows everything that is wrong."""
    failed = []
    for name, command in _CHECKS:
        console.rule(name, align="left")
        if subprocess.run(
            [str(Path(sys.executable).parent / command[0]), *command[1:]], cwd=ROOT, check=False
        ).returncode:
            failed.append(name)
    console.print(f"failed: {', '.join(failed)}" if failed else "format, lint, types and imports are as they should be")
    return len(failed)


def test(tiers: Sequence[str], console: Console, *, full: bool) -> int:
    """Pytest's own summary comes last: what does not run is said before. `full`: every crash, and their page anew."""
    wanted = list(tiers or TIERS)
    if unknown := [tier for tier in wanted if tier not in TIERS]:
        console.print(f"no tier {', '.join(unknown)}: choose from {', '.join(TIERS)}")
        return 2
    reason = why_no_servers() if _NEED_SERVERS & set(wanted) else None
    in_ci = os.environ.get("CI") == "true"
    if reason and not in_ci:
        for tier in (tier for tier in wanted if tier in _NEED_SERVERS):
            console.print(f"not run: {tier}: {reason}", style="yellow", highlight=False)
        wanted = [tier for tier in wanted if tier not in _NEED_SERVERS]
    console.print(f"running: {', '.join(wanted)}", highlight=False)
    folders = [f"tests/{tier}" for tier in wanted if any((ROOT / "tests" / tier).rglob("test_*.py"))]
    if not folders:
        return 0
    crashes: AbstractContextManager[Mapping[str, str]] = nullcontext({})
    if full and "crash" in wanted:
        crashes = _crashes_written_down()
    with crashes as told:
        command = [sys.executable, "-m", "pytest", *_SIDE_BY_SIDE, *folders]
        return subprocess.run(command, cwd=ROOT, env={**os.environ, **told}, check=False).returncode


@contextmanager
def _crashes_written_down() -> Iterator[Mapping[str, str]]:
    """A run that is interrupted leaves the page as it was."""
    with TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.jsonl"
        yield {"PRECEPTOR_CRASH": "full", "PRECEPTOR_CRASH_RESULTS": str(rows)}
        if rows.exists():
            guarantees.write(guarantees.rows_of(rows.read_text(encoding="utf-8").splitlines()))


def why_no_servers() -> str | None:
    """None where Kafka and MongoDB can be had for tests; the order is that of tests/servers.py."""
    try:
        env.find(os.environ)
    except Unavailable:
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
