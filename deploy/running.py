"""The services and servers that `./dev` has started, recorded in .dev/ so that a later `./dev` can stop them."""

import asyncio
import fcntl
import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console

from deploy import processes
from deploy.issuer import LocalIssuer
from deploy.names import MAIL, network_id
from deploy.stack import find
from deploy.stack.model import Kind, Site, Stack, Unavailable
from deploy.stack.programs import Journal
from deploy.topics import FILE
from shared import kafka
from shared.topics import NATIVE, create_missing, differences, load_topics

HOME = Path(__file__).parent.parent / ".dev"


@dataclass(frozen=True, slots=True)
class Running:
    kind: Kind
    addresses: Mapping[str, str]
    bootstrap: str

    def is_ready(self, journal: Journal) -> bool:
        return all(self.serves(service, journal) for service in self.addresses)

    def serves(self, service: str, journal: Journal) -> bool:
        """Whether the service answers and was started here."""
        address = self.addresses[service]
        if self.kind == "docker":
            return processes.is_ready(address)
        started = [program for program in journal.programs() if program.name == f"service {service}"]
        return any(processes.serves(program, address) for program in started)


@contextmanager
def exclusive() -> Iterator[None]:
    """Locks out another `./dev`, which would stop our servers. The lock ends with its process."""
    HOME.mkdir(exist_ok=True)
    with (HOME / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unavailable("another ./dev up or ./dev demo is running here: wait for it, or stop it") from None
        yield


def issuer() -> LocalIssuer:
    return LocalIssuer.load_or_create(HOME / "issuer")


def current() -> Running | None:
    """What `up` has started, if all of it still answers."""
    running = last_started()
    return running if running and running.is_ready(journal()) else None


def last_started() -> Running | None:
    """What `up` has started and `down` has not stopped, whether it answers or not."""
    if not (record := HOME / "running.json").exists():
        return None
    return Running(**json.loads(record.read_text(encoding="utf-8")))


def journal() -> Journal:
    return Journal(HOME / "programs.jsonl")


def show_logs(services: Sequence[str], *, follow: bool, lines: int) -> int:
    """Prints the last lines, and new lines as they arrive if `follow`; returns the exit status."""
    following = ["--follow"] if follow else []
    if (running := last_started()) and running.kind == "docker":
        command = ["docker", "compose", "logs", f"--tail={lines}", *following, *services]
    else:
        files = [str(file) for service in services if (file := HOME / "logs" / f"{service}.log").exists()]
        if not files:
            raise Unavailable("there are no logs yet: start the services with ./dev up")
        command = ["tail", f"--lines={lines}", *following, *files]
    return subprocess.run(command, cwd=HOME.parent, check=False).returncode


def up(choice: Kind | None, *, console: Console, tied: bool) -> Running:
    site = _site(console, tied=tied)
    find.undo(site)
    site.folder.mkdir(parents=True)
    try:
        running = _started(find.find(choice, site=site), site, console)
    except BaseException:
        down(console)
        raise
    (HOME / "running.json").write_text(json.dumps(asdict(running)), encoding="utf-8")
    return running


def down(console: Console) -> list[str]:
    (HOME / "running.json").unlink(missing_ok=True)
    return find.undo(_site(console, tied=False))


def _site(console: Console, *, tied: bool) -> Site:
    def say(text: str) -> None:
        console.print(f"  {text}", highlight=False, markup=False, soft_wrap=True)

    return Site(folder=HOME / "servers", journal=journal(), say=say, tied=tied)


def _started(stack: Stack, site: Site, console: Console) -> Running:
    for note in stack.notes:
        site.say(f"note: {note}")
    if stack.addresses:
        return Running(
            kind=stack.kind, addresses=stack.addresses, bootstrap=kafka.address(stack.bootstrap, network=network_id())
        )
    asyncio.run(_prepare_topics(stack, site))
    with console.status("starting the services"):
        mail, mail_settings = processes.start_mail_catcher(site=site, logs=HOME / "logs")
        services = processes.start(stack, issuer(), site=site, logs=HOME / "logs", further=mail_settings)
    with console.status("starting the web application"):
        web = processes.start_web(stack, issuer(), services=services, site=site, logs=HOME / "logs")
    addresses = services | web | {MAIL: mail}
    return Running(kind=stack.kind, addresses=addresses, bootstrap=kafka.address(stack.bootstrap, network=network_id()))


async def _prepare_topics(stack: Stack, site: Site) -> None:
    if stack.kind == "embedded":
        # The embedded broker creates the topics at its start, and supports no settings.
        return
    topics = load_topics(FILE, size=NATIVE, network=network_id())
    await create_missing(stack.bootstrap, topics)
    for difference in await differences(stack.bootstrap, topics):
        site.say(f"topic {difference}")
