"""The three services on real servers, any of which may be killed, stopped, resumed and started again, with replicas."""

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
        """The signal (0: none) that ended it; None while it lives. Asked once: this also buries it."""
        pid, status = os.waitpid(self.program.pid, os.WNOHANG)
        return None if pid == 0 else (os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0)

    async def killed(self, *, within: float) -> None:
        """Until SIGKILL has ended it, by whomever; anything else is no crash of ours."""
        ended = await self.ended(within=within)
        assert ended == signal.SIGKILL, f"{self.service} ended by {ended}:\n{self.program.last_lines()}"

    async def ended(self, *, within: float) -> int:
        (by,) = await eventually(
            lambda: None if (by := self.ended_by()) is None else (by,), within=within, message=f"{self.service} ends"
        )
        return by

    async def has_published(self) -> bool:
        """Whether it has ended a round of publishing, whatever became of it."""
        async with httpx.AsyncClient() as client:
            metrics = (await client.get(f"{self.address}/metrics")).text
        return not re.search(r"^preceptor_facts_published_total 0\.0$", metrics, re.MULTILINE)

    async def ready(self) -> None:
        await self.ready_or_killed()
        assert self.program.is_running, f"{self.service} ended before it was ready:\n{self.program.last_lines()}"

    async def ready_or_killed(self) -> None:
        """With an armed fail-point and work that waits for it, a service may get there before it is ready."""

        async def is_over() -> bool:
            return not self.program.is_running or await asyncio.to_thread(processes.is_ready, self.address)

        await eventually(is_over, within=_READY_SECONDS, message=f"{self.service} is ready:\n{self.program.log}")


@dataclass(slots=True)
class Cluster:
    """`running` holds the first replica of each service: whom the commands are sent to."""

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

    def start(self, service: str, *, told: str = "", roles: Sequence[str] = ()) -> Replica:
        """Where it was before; without roles, all of them.

        From the main thread only: programs end with the thread that started them.
        """
        port = (
            int(self.running[service].address.rpartition(":")[2]) if service in self.running else ports.free_ports(1)[0]
        )
        self.running[service] = self._start(service, port, told=told, roles=roles)
        return self.running[service]

    def join(self, service: str, *, told: str = "", roles: Sequence[str] = (), skewed: int = 0) -> Replica:
        """One more, beside what runs; `skewed`: so many seconds is its clock ahead."""
        joined = self._start(service, ports.free_ports(1)[0], told=told, roles=roles, skewed=skewed)
        self._joined.append(joined)
        return joined

    async def restore(self) -> None:
        """One replica of each service, with all roles and nothing armed."""
        while self._joined:
            replica = self._joined.pop()
            if replica.program.is_running:
                replica.send(signal.SIGCONT)
                await self.end(replica)
        gone = [one for one, replica in self.running.items() if not replica.program.is_running]
        await asyncio.gather(*[self.start(one).ready() for one in gone])

    async def restart(self, service: str, *, told: str = "", by: signal.Signals = signal.SIGTERM) -> Replica:
        await self.end(self.running[service], by=by)
        return self.start(service, told=told)

    async def renew(self, replica: Replica) -> Replica:
        """Told to stop, and begun again where it was: one step of a rolling restart."""
        await self.end(replica)
        fresh = self._start(replica.service, int(replica.address.rpartition(":")[2]), told="", roles=())
        if replica in self._joined:
            self._joined[self._joined.index(replica)] = fresh
        else:
            self.running[replica.service] = fresh
        await fresh.ready()
        return fresh

    @asynccontextmanager
    async def told(self, service: str, **settings: str) -> AsyncIterator[None]:
        """One service with settings of its own while the block lasts."""
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
        # Told to stop, it puts down what it holds and ends by itself.
        assert ended == (0 if by == signal.SIGTERM else by), f"{replica.service} ended by {ended}"

    async def again(self, name: str, *, by: signal.Signals) -> None:
        """A server of the stack, ended and begun again on its files as it was begun."""
        process, begin = self._begun(name)
        process.send_signal(by)
        await asyncio.to_thread(psutil.wait_procs, [process], timeout=30)
        begin()

    async def again_when_there_is_room(self, name: str, *, meanwhile: Callable[[], Awaitable[None]]) -> None:
        """A server that can write no further into any file, as on a full disk: a mongod ends itself there."""
        process, begin = self._begun(name)
        process.rlimit(psutil.RLIMIT_FSIZE, (_FULL_BYTES, _FULL_BYTES))
        gone, _ = await asyncio.to_thread(psutil.wait_procs, [process], timeout=60)
        assert gone, f"{name} goes on although it cannot write"
        await meanwhile()
        begin()

    def _begun(self, name: str) -> tuple[psutil.Process, Callable[[], None]]:
        """And how to begin it again."""
        program = self._server(name)
        process = psutil.Process(program.pid)
        command, environment = process.cmdline(), process.environ()

        def begin() -> None:
            log, journal = Path(program.log), self.site.journal
            programs.start(name, command, log=log, environment=environment, journal=journal, tied=True)

        return process, begin

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """A server of the stack that answers nothing while the block lasts."""
        process = psutil.Process(self._server(name).pid)
        process.suspend()
        try:
            yield
        finally:
            process.resume()

    def _server(self, name: str) -> Program:
        return next(one for one in reversed(self.site.journal.programs()) if one.name == name and one.is_running)

    @property
    def temporary(self) -> Path:
        """Where services put what is not to outlive its work."""
        return self.site.folder / "temporary"

    def workshops(self) -> list[psutil.Process]:
        """That work on rounds of ours, whoever started them."""
        return [one for one in psutil.process_iter() if self._is_workshop(one)]

    def left_behind(self) -> list[str]:
        """By work that is over."""
        workshops = [f"a workshop, {one.status()}" for one in self.workshops()]
        return [*workshops, *(f"{one.name} with {len(list(one.iterdir()))} files" for one in self.temporary.iterdir())]

    def _is_workshop(self, process: psutil.Process) -> bool:
        try:
            is_one = "services.matching.solver_process" in process.cmdline()
            return is_one and process.environ().get("TMPDIR") == str(self.temporary)
        except psutil.Error:
            return False

    def close(self) -> None:
        running = [one for one in self.site.journal.programs() if one.is_running]
        for program in running:
            os.kill(program.pid, signal.SIGCONT)
        programs.stop(one for one in running if one.name.startswith("service "))

    def _start(self, service: str, port: int, *, told: str, roles: Sequence[str], skewed: int = 0) -> Replica:
        environment = processes.environment(service, self.stack, self.issuer, port=port)
        self.temporary.mkdir(exist_ok=True)
        program = programs.start(
            f"service {service}",
            [*(_skewed(service, skewed) if skewed else processes.COMMANDS[service]), *roles],
            log=self.logs / f"{service}-{port}.log",
            environment={**environment, **self.settings, "TMPDIR": str(self.temporary), failpoints.VARIABLE: told},
            journal=self.site.journal,
            tied=True,
        )
        return Replica(service, program, f"http://{ports.HOST}:{port}")


def _skewed(service: str, seconds: int) -> Sequence[str]:
    return (sys.executable, "-m", "tests.crash.skewed", str(seconds), service)
