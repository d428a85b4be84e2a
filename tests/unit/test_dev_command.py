"""`./dev` says what is right when it is called wrongly, and takes no other checkout's service for its own."""

import os
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from deploy import processes, running, testing
from deploy.dev import app
from deploy.stack import programs
from deploy.stack.programs import Journal, Program
from tests.eventually import eventually

LISTENER = """
import http.server, socketserver
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
server = socketserver.TCPServer(("127.0.0.1", PORT), Answer)
open(r"FILE", "w").write(str(server.server_address[1]))
server.serve_forever()
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(running, "HOME", tmp_path)
    return tmp_path


async def listener(folder: Path, name: str, *, port: int = 0) -> tuple[Program, int]:
    """A program that answers every GET with 200, as a ready service does, and its port."""
    file = folder / f"{name}.port"
    program = programs.start(
        f"service {name}",
        [sys.executable, "-c", LISTENER.replace("PORT", str(port)).replace("FILE", str(file))],
        log=folder / f"{name}.log",
        environment={},
        journal=Journal(folder / "programs.jsonl"),
        tied=False,
    )
    await eventually(lambda: file.exists() and file.read_text(encoding="utf-8") != "", message="it listens")
    return program, int(file.read_text(encoding="utf-8"))


def test_an_environment_that_is_a_symbolic_link_is_refused_and_kept(tmp_path: Path) -> None:
    checkout, others = tmp_path / "checkout", tmp_path / "others"
    (others / "bin").mkdir(parents=True)
    checkout.mkdir()
    for name in ("dev", "requirements-dev.txt"):
        shutil.copy(Path(processes.__file__).parents[1] / name, checkout)
    (checkout / ".venv").symlink_to(others)
    done = subprocess.run([checkout / "dev", "status"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"dev: {checkout}/.venv is a symbolic link")
    assert done.stderr.endswith("remove the link\n")
    assert done.stderr.count("\n") == 1
    assert (others / "bin").is_dir()


@pytest.mark.parametrize("role", ["member", "coordinator", "integrator"])
def test_a_token_for_an_institutions_role_needs_the_institution(role: str, home: Path) -> None:
    done = CliRunner().invoke(app, ["token", role])
    assert done.exit_code == 2
    assert "--institution" in done.output
    assert not (home / "issuer").exists()


def test_an_operators_token_needs_no_institution(home: Path) -> None:
    assert home.exists()
    assert CliRunner().invoke(app, ["token", "operator"]).exit_code == 0


def test_usage_names_the_dev_command() -> None:
    root = Path(__file__).parent.parent.parent
    shown = subprocess.run(
        [sys.executable, "-m", "deploy.dev", "--help"],
        cwd=root,
        env={**os.environ, "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Usage: ./dev" in shown.stdout


def test_status_reports_that_nothing_runs_and_how_to_start_it(home: Path) -> None:
    assert home.exists()
    done = CliRunner().invoke(app, ["status"])
    assert done.exit_code == 1
    assert "./dev up" in done.output


def test_logs_of_an_unknown_service_name_the_known_ones(home: Path) -> None:
    assert home.exists()
    done = CliRunner().invoke(app, ["logs", "profile"])
    assert done.exit_code == 2
    assert "profiles" in done.output


async def test_another_programs_answer_on_our_port_is_not_our_service(home: Path) -> None:
    """Two checkouts share the usual ports: after ours died, the other's service answers where ours did."""
    ours, _ = await listener(home, "profiles")
    other, port = await listener(home, "other")
    address = f"http://127.0.0.1:{port}"
    try:
        assert processes.is_ready(address)
        assert processes.serves(other, address)
        assert not processes.serves(ours, address)
        up = running.Running(kind="native", addresses={"profiles": address}, bootstrap="127.0.0.1:1")
        assert not up.serves("profiles", running.journal())
    finally:
        programs.stop([ours, other])


@pytest.mark.parametrize("wanted", ["tests/unit/test_nothing.py", "units"])
def test_an_unknown_tier_or_file_is_refused(wanted: str) -> None:
    shown = StringIO()
    assert testing.test([wanted], Console(file=shown), full=False) == 2
    assert wanted in shown.getvalue()


def test_a_file_or_a_single_test_can_be_run_alone() -> None:
    """The whole command, because what counts is that pytest takes the name."""
    root = Path(__file__).parent.parent.parent
    name = "tests/unit/test_epochs.py"
    done = subprocess.run(
        [sys.executable, "-m", "deploy.dev", "test", name], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout
