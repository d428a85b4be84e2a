"""Real servers for a benchmark run, its own and stopped with it; the services as processes where a benchmark asks."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from aiokafka import AIOKafkaConsumer
from rich.console import Console

from deploy import processes
from deploy.issuer import LocalIssuer
from deploy.stack import find, ports, programs
from deploy.stack.model import SERVICES, Kind, Site, Stack
from deploy.stack.programs import Journal, Program
from deploy.topics import FILE
from shared import kafka, mongo
from shared.clock import Clock, SystemClock
from shared.mongo import Database
from shared.topics import NATIVE, create_missing, load_topics


@dataclass(frozen=True, slots=True)
class BenchmarkContext:
    """What every benchmark gets: addresses of real servers, a clock, and a way to say how far it is."""

    stack: Stack
    site: Site
    issuer: LocalIssuer
    clock: Clock
    say: Callable[[str], None]

    @property
    def bootstrap(self) -> str:
        return self.stack.bootstrap

    def database(self, name: str, *, service: str = "profiles") -> Database:
        """The service's own database on its own server."""
        return mongo.connect(self.stack.mongo_uris[service], name)

    @asynccontextmanager
    async def services(self) -> AsyncIterator[Mapping[str, str]]:
        """The three services, ready; stopped at the end."""
        addresses = await asyncio.to_thread(
            processes.start, self.stack, self.issuer, site=self.site, logs=self.site.folder / "logs"
        )
        try:
            yield addresses
        finally:
            await asyncio.to_thread(programs.stop, self._running())

    async def join(self) -> Mapping[str, str]:
        """One replica more of each service; stopped with the others."""
        addresses, started = {}, {}
        for service, port in zip(SERVICES, ports.free_ports(len(SERVICES)), strict=True):
            started[service] = programs.start(
                f"service {service}",
                processes.COMMANDS[service],
                log=self.site.folder / "logs" / f"{service}-{port}.log",
                environment=processes.environment(service, self.stack, self.issuer, port=port),
                journal=self.site.journal,
                tied=True,
            )
            addresses[service] = f"http://{ports.HOST}:{port}"
        await asyncio.to_thread(processes.wait_until_ready, addresses, programs=started)
        return addresses

    def processor_seconds(self) -> dict[str, float]:
        """That each service has used so far."""
        used: dict[str, float] = {}
        for program in self._running():
            times = psutil.Process(program.pid).cpu_times()
            name = program.name.removeprefix("service ")
            used[name] = used.get(name, 0.0) + times.user + times.system
        return used

    def _running(self) -> list[Program]:
        started = self.site.journal.programs()
        return [process for process in started if process.name.startswith("service ") and process.is_running]

    def resident_mebibytes(self) -> dict[str, float]:
        """Resident memory of each service that runs now."""
        return {
            program.name.removeprefix("service "): psutil.Process(program.pid).memory_info().rss / 2**20
            for program in self._running()
        }


async def _join_a_group(bootstrap: str) -> None:
    """A new Kafka makes the topic of offsets when the first group asks for it, which no benchmark should wait for."""
    consumer = AIOKafkaConsumer("matching.events", bootstrap_servers=kafka.servers(bootstrap), group_id="warm-up")
    await consumer.start()
    await consumer.stop()


@asynccontextmanager
async def open_site(choice: Kind | None, console: Console) -> AsyncIterator[BenchmarkContext]:
    folder = Path(tempfile.mkdtemp(prefix="preceptor-bench-"))

    def say(text: str) -> None:
        console.print(f"  {text}", highlight=False, markup=False)

    site = Site(folder=folder / "servers", journal=Journal(folder / "programs.jsonl"), say=say, tied=True)
    site.folder.mkdir()
    try:
        stack = await asyncio.to_thread(find.find, choice, site=site)
        await create_missing(stack.bootstrap, load_topics(FILE, size=NATIVE))
        await _join_a_group(stack.bootstrap)
        yield BenchmarkContext(stack, site, LocalIssuer.load_or_create(folder / "issuer"), SystemClock(), say)
    finally:
        await asyncio.to_thread(find.undo, site)
        shutil.rmtree(folder, ignore_errors=True)
