"""Folders of jobs: removed with the job and after a kill; never while in use."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from services.matching.rounds import solver_folders as folders

ROOT = Path(__file__).parents[2]
_DIES = """
import os, signal
from services.matching.rounds.solver_folders import locked_folder
with locked_folder() as path:
    (path / "people.json").write_text("{}")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_jobs_folder_is_removed_when_it_ends(temporary: Path) -> None:
    with folders.locked_folder() as path:
        (path / "people.json").write_text("{}")
        assert list(temporary.iterdir()) == [path]
    assert not list(temporary.iterdir())


def test_the_next_process_removes_abandoned_folders_and_no_folder_in_use(
    temporary: Path,
) -> None:
    environment = {**os.environ, "TMPDIR": str(temporary)}
    ended = subprocess.run([sys.executable, "-c", _DIES], cwd=ROOT, env=environment, check=False)
    assert ended.returncode == -signal.SIGKILL
    [left] = temporary.iterdir()
    assert [path.name for path in left.iterdir()] == ["people.json"]
    (temporary / "another-program").mkdir()

    with folders.locked_folder() as mine:
        folders.clear()
        assert {path.name for path in temporary.iterdir()} == {mine.name, "another-program"}
