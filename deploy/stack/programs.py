"""Starts programs in the background, and records each in a journal with its start time.

A pid may be reused by another program before it is stopped; pid and start time together are not.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True)
class Program:
    name: str
    pid: int
    started: int
    """In clock ticks since the machine's start, which no change of its clock moves."""
    log: str

    @property
    def is_running(self) -> bool:
        return _process(self) is not None

    def listens_on(self, port: int) -> bool:
        """Whether this program, and no other on this machine, answers on that TCP port."""
        process = _process(self)
        if process is None:
            return False
        try:
            connections = process.net_connections(kind="tcp")
        except psutil.Error:  # it has ended, or belongs to another user
            return False
        return any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in connections)

    def last_lines(self, count: int = 20) -> str:
        path = Path(self.log)
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
        return "\n".join(lines[-count:])


class Journal:
    """The started programs in order, one JSON line each."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, program: Program) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(program)) + "\n")

    def programs(self) -> list[Program]:
        if not self._path.exists():
            return []
        return [Program(**json.loads(line)) for line in self._path.read_text(encoding="utf-8").splitlines()]

    def clear(self) -> None:
        self._path.unlink(missing_ok=True)


def start(
    name: str, command: Sequence[str], *, log: Path, environment: Mapping[str, str], journal: Journal, tied: bool
) -> Program:
    """Starts a program in its own session, so that our Ctrl-C does not reach servers that must keep running."""
    log.parent.mkdir(parents=True, exist_ok=True)
    words = _tied(command) if tied else list(command)
    # posix_spawn instead of Popen, which expects a wait(): this process exits before these programs do.
    pid = os.posix_spawnp(
        words[0],
        words,
        {**os.environ, **environment},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )
    program = Program(name=name, pid=pid, started=_start_ticks(pid), log=str(log))
    journal.write(program)
    return program


def stop(programs: Iterable[Program], *, grace_seconds: float = 10) -> list[str]:
    """Terminates the programs, kills those that do not end, and returns the names of those that were running."""
    running = [(program.name, process) for program in programs if (process := _process(program))]
    processes = [process for _, process in running]
    for process in processes:
        _signal(process.terminate)
    _, stubborn = psutil.wait_procs(processes, timeout=grace_seconds)
    for process in stubborn:
        _signal(process.kill)
    psutil.wait_procs(stubborn, timeout=grace_seconds)
    return [name for name, _ in running]


def _tied(command: Sequence[str]) -> list[str]:
    # The kernel ends the program with the thread that started it: start from the main thread.
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--", *command] if setpriv else list(command)


def _process(program: Program) -> psutil.Process | None:
    try:
        process = psutil.Process(program.pid)
        same = _start_ticks(program.pid) == program.started
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):  # it ended between two reads
        return None


def _start_ticks(pid: int) -> int:
    """Field 22 of proc(5)'s stat; the second, the program's name, may hold spaces and parentheses."""
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    return int(stat.rpartition(")")[2].split()[19])


def _signal(send: Callable[[], None]) -> None:
    try:
        send()
    except psutil.NoSuchProcess:  # it has ended already
        return
