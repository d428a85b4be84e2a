"""Finds the first kind of stack that can run here."""

import os
import shutil
from collections.abc import Callable, Mapping

from deploy.stack import docker, embedded, env, native, programs
from deploy.stack.model import KINDS, Kind, Site, Stack, Unavailable

Start = Callable[[Site], Stack]
STARTS: Mapping[Kind, Start] = {
    "env": lambda _site: env.find(os.environ),
    "docker": docker.start,
    "native": native.start,
    "embedded": embedded.start,
}


def find(choice: Kind | None, *, site: Site, starts: Mapping[Kind, Start] = STARTS) -> Stack:
    """Raises `Unavailable` with all reasons where none can run. Stops what a failed attempt has started."""
    reasons = []
    for kind in [choice] if choice else KINDS:
        try:
            stack = starts[kind](site)
        except Unavailable as error:
            undo(site)
            site.say(f"{kind}: no, {error}")
            reasons.append(f"{kind}: {error}")
        else:
            site.say(f"{kind}: yes")
            return stack
    raise Unavailable("Kafka and MongoDB cannot be started here:\n" + "\n".join(reasons))


def undo(site: Site) -> list[str]:
    """Stops everything that was started at this site, services before servers, and removes its files."""
    started = site.journal.programs()
    services = [program for program in started if program.name.startswith("service ")]
    servers = [program for program in started if program not in services]
    # The servers' files are deleted, so Kafka need not close them properly.
    stopped = programs.stop(services) + programs.stop(servers, grace_seconds=2)
    if docker.was_started(site.folder):
        docker.stop(site.folder)
        stopped.append("docker compose")
    site.journal.clear()
    shutil.rmtree(site.folder, ignore_errors=True)
    return stopped
