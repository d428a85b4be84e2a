"""The services on real servers, any of which may be killed, stopped, resumed and started again, with replicas."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from deploy import processes
from deploy.issuer import LocalIssuer
from deploy.stack import ports, programs
from deploy.stack.model import SERVICES, Site, Stack
from deploy.stack.programs import Program
from shared import failpoints
from tests.eventually import eventually

_READY_SECONDS = 120
_FULL_BYTES = 4096


@dataclass(slots=True)
class Replica:
    """One process of a service."""

    service: str
    program: Program
    address: str

    @property
    def is_stopped(self) -> bool:
        return psutil.Process(self.program.pid).status() == psutil.STATUS_STOPPED

    def send(self, sign: signal.Signals) -> None:
        os.kill(self.program.pid, sign)

    def ended_by(self) -> int | None:
        """The signal (0: none) that ended it; None while it runs. Call it once: it also reaps the process."""
        pid, status = os.waitpid(self.program.pid, os.WNOHANG)
        return None if pid == 0 else (os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0)

    async def killed(self, *, within: float) -> None:
        """Waits until SIGKILL has ended it; any other end is a failure."""
        ended = await self.ended(within=within)
        assert ended == signal.SIGKILL, f"{self.service} ended by {ended}:\n{self.program.last_lines()}"

    async def ended(self, *, within: float) -> int:
        (by,) = await eventually(
            lambda: None if (by := self.ended_by()) is None else (by,), within=within, message=f"{self.service} ends"
        )
        return by

    async def has_published(self) -> bool:
        """Whether it has published a batch, successfully or not."""
        async with httpx.AsyncClient() as client:
            metrics = (await client.get(f"{self.address}/metrics")).text
        return not re.search(r"^preceptor_facts_published_total 0\.0$", metrics, re.MULTILINE)

    async def ready(self) -> None:
        await self.ready_or_killed()
        assert self.program.is_running, f"{self.service} ended before it was ready:\n{self.program.last_lines()}"

    async def ready_or_killed(self) -> None:
        """With an armed fail-point and pending work, a service may reach the fail-point before it is ready."""

        async def is_over() -> bool:
            return not self.program.is_running or await asyncio.to_thread(processes.is_ready, self.address)

        await eventually(is_over, within=_READY_SECONDS, message=f"{self.service} is ready:\n{self.program.log}")


@dataclass(slots=True)
class Cluster:
    """`running` holds the first replica of each service, to which commands are sent."""

    stack: Stack
    issuer: LocalIssuer
    site: Site
    logs: Path
    settings: dict[str, str] = field(default_factory=dict)
    running: dict[str, Replica] = field(default_factory=dict)
    _joined: list[Replica] = field(default_factory=list)

    @property
    def addresses(self) -> dict[str, str]:
        return {service: replica.address for service, replica in self.running.items()}

    async def start_all(self) -> None:
        for service in SERVICES:
            self.start(service)
        await asyncio.gather(*(replica.ready() for replica in self.running.values()))

    def start(self, service: str, *, failpoint: str = "", roles: Sequence[str] = ()) -> Replica:
        """Starts a service at its former address; without `roles` in all roles.

        Call it in the main thread only: programs end with the thread that started them.
        """
        port = (
            int(self.running[service].address.rpartition(":")[2]) if service in self.running else ports.free_ports(1)[0]
        )
        self.running[service] = self._start(service, port, failpoint=failpoint, roles=roles)
        return self.running[service]

    def join(self, service: str, *, failpoint: str = "", roles: Sequence[str] = (), skewed: int = 0) -> Replica:
        """Starts another replica; its clock is `skewed` seconds ahead."""
        joined = self._start(service, ports.free_ports(1)[0], failpoint=failpoint, roles=roles, skewed=skewed)
        self._joined.append(joined)
        return joined

    async def restore(self) -> None:
        """Leaves one replica of each service, with all roles and no fail-point."""
        while self._joined:
            replica = self._joined.pop()
            if replica.program.is_running:
                replica.send(signal.SIGCONT)
                await self.end(replica)
        gone = [service for service, replica in self.running.items() if not replica.program.is_running]
        await asyncio.gather(*[self.start(service).ready() for service in gone])

    async def restart(self, service: str, *, failpoint: str = "", by: signal.Signals = signal.SIGTERM) -> Replica:
        await self.end(self.running[service], by=by)
        return self.start(service, failpoint=failpoint)

    async def renew(self, replica: Replica) -> Replica:
        """Stops a replica and starts it again at its address: one step of a rolling restart."""
        await self.end(replica)
        fresh = self._start(replica.service, int(replica.address.rpartition(":")[2]), failpoint="", roles=())
        if replica in self._joined:
            self._joined[self._joined.index(replica)] = fresh
        else:
            self.running[replica.service] = fresh
        await fresh.ready()
        return fresh

    @asynccontextmanager
    async def configured(self, service: str, **settings: str) -> AsyncIterator[None]:
        """Runs a service with further settings while the block runs."""
        usual = dict(self.settings)
        self.settings.update(settings)
        try:
            await (await self.restart(service)).ready()
            yield
        finally:
            self.settings.clear()
            self.settings.update(usual)
            await (await self.restart(service)).ready()

    async def end(self, replica: Replica, *, by: signal.Signals = signal.SIGTERM) -> None:
        replica.send(by)
        ended = await replica.ended(within=30)
        # After SIGTERM it stops its work and exits without a signal.
        assert ended == (0 if by == signal.SIGTERM else by), f"{replica.service} ended by {ended}"

    async def again(self, name: str, *, by: signal.Signals) -> None:
        """Ends a server of the stack and starts it again on its files with the same command."""
        process, begin = self._begun(name)
        process.send_signal(by)
        await asyncio.to_thread(psutil.wait_procs, [process], timeout=30)
        begin()

    async def again_when_there_is_room(self, name: str, *, while_ended: Callable[[], Awaitable[None]]) -> None:
        """Lets a server's writes fail, as on a full disk, where a mongod ends itself; then starts it again."""
        process, begin = self._begun(name)
        process.rlimit(psutil.RLIMIT_FSIZE, (_FULL_BYTES, _FULL_BYTES))
        gone, _ = await asyncio.to_thread(psutil.wait_procs, [process], timeout=60)
        assert gone, f"{name} goes on although it cannot write"
        await while_ended()
        begin()

    def _begun(self, name: str) -> tuple[psutil.Process, Callable[[], None]]:
        """The process of a server, and a function that starts it again."""
        program = self._server(name)
        process = psutil.Process(program.pid)
        command, environment = process.cmdline(), process.environ()

        def begin() -> None:
            log, journal = Path(program.log), self.site.journal
            programs.start(name, command, log=log, environment=environment, journal=journal, tied=True)

        return process, begin

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """Suspends a server of the stack while the block runs."""
        process = psutil.Process(self._server(name).pid)
        process.suspend()
        try:
            yield
        finally:
            process.resume()

    def _server(self, name: str) -> Program:
        return next(
            program for program in reversed(self.site.journal.programs()) if program.name == name and program.is_running
        )

    @property
    def temporary(self) -> Path:
        """The services' folder for temporary files."""
        return self.site.folder / "temporary"

    def solver_processes(self) -> list[psutil.Process]:
        """The solver processes of this cluster, also those whose service was killed."""
        return [process for process in psutil.process_iter() if self._is_solver_process(process)]

    def left_behind(self) -> list[str]:
        """Solver processes and temporary files that remain after their work has ended."""
        processes_left = [f"a solver process, {process.status()}" for process in self.solver_processes()]
        folders = self.temporary.iterdir()
        return [*processes_left, *(f"{folder.name} with {len(list(folder.iterdir()))} files" for folder in folders)]

    def _is_solver_process(self, process: psutil.Process) -> bool:
        try:
            is_solver = "services.matching.solver_process" in process.cmdline()
            return is_solver and process.environ().get("TMPDIR") == str(self.temporary)
        except psutil.Error:
            return False

    def close(self) -> None:
        running = [program for program in self.site.journal.programs() if program.is_running]
        for program in running:
            os.kill(program.pid, signal.SIGCONT)
        programs.stop(program for program in running if program.name.startswith("service "))

    def _start(self, service: str, port: int, *, failpoint: str, roles: Sequence[str], skewed: int = 0) -> Replica:
        environment = processes.environment(service, self.stack, self.issuer, port=port)
        self.temporary.mkdir(exist_ok=True)
        program = programs.start(
            f"service {service}",
            [*(_skewed(service, skewed) if skewed else processes.COMMANDS[service]), *roles],
            log=self.logs / f"{service}-{port}.log",
            environment={**environment, **self.settings, "TMPDIR": str(self.temporary), failpoints.VARIABLE: failpoint},
            journal=self.site.journal,
            tied=True,
        )
        return Replica(service, program, f"http://{ports.HOST}:{port}")


def _skewed(service: str, seconds: int) -> Sequence[str]:
    return (sys.executable, "-m", "tests.crash.skewed", str(seconds), service)
