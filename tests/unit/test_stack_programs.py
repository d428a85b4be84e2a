"""Stopping stops exactly what was started: not less, and never somebody else's program."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.stack import programs
from deploy.stack.programs import Journal, Program

SLEEPER = (sys.executable, "-c", "print('ready', flush=True); import time; time.sleep(60)")
STUBBORN = (
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)",
)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "programs.jsonl")


def start(journal: Journal, tmp_path: Path, *, command: tuple[str, ...] = SLEEPER) -> Program:
    return programs.start(
        "sleeper", command, log=tmp_path / "log", environment={"LOUD": "1"}, journal=journal, tied=False
    )


def test_a_program_is_in_the_journal_as_soon_as_it_runs(journal: Journal, tmp_path: Path) -> None:
    program = start(journal, tmp_path)
    assert program.is_running
    assert journal.programs() == [program]
    programs.stop([program])


def test_stopping_ends_a_program_and_names_it(journal: Journal, tmp_path: Path) -> None:
    program = start(journal, tmp_path)
    assert programs.stop(journal.programs()) == ["sleeper"]
    assert not program.is_running


def test_a_program_that_ignores_the_stop_signal_is_killed(journal: Journal, tmp_path: Path) -> None:
    program = start(journal, tmp_path, command=STUBBORN)
    programs.stop([program], grace_seconds=0.2)
    assert not program.is_running


def test_a_pid_reused_by_another_program_is_left_alone(journal: Journal, tmp_path: Path) -> None:
    program = start(journal, tmp_path)
    impostor = replace(program, started=program.started - 3600)
    assert programs.stop([impostor]) == []
    assert program.is_running
    programs.stop([program])


def test_a_pid_with_another_start_time_is_another_program() -> None:
    assert programs.stop([Program(name="us", pid=os.getpid(), started=1, log="")]) == []


def test_the_last_lines_of_a_missing_log_are_empty() -> None:
    assert Program(name="x", pid=1, started=0, log="/nowhere/at/all").last_lines() == ""
