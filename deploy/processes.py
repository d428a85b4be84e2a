"""Starts the services as processes of this machine, each with its own database server and credentials."""

import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from deploy.issuer import LocalIssuer
from deploy.names import network_id
from deploy.stack import ports, programs
from deploy.stack.model import SERVICES, Site, Stack, Unavailable
from deploy.stack.programs import Program

ROOT = Path(__file__).parent.parent
PORTS = {"profiles": 8001, "matching": 8002, "notifications": 8003, "mentorships": 8004}
ANY_PORTS = dict.fromkeys(PORTS, 0)
"""For tests: another network on this machine may use the usual ports."""
COMMANDS = {service: (sys.executable, "-m", f"services.{service}") for service in SERVICES}
_READY_SECONDS = 60


def start(
    stack: Stack,
    issuer: LocalIssuer,
    *,
    site: Site,
    logs: Path,
    commands: Mapping[str, Sequence[str]] = COMMANDS,
    wanted: Mapping[str, int] = PORTS,
) -> dict[str, str]:
    """Returns the addresses once all are ready; raises `Unavailable` with the last lines of one that is not."""
    chosen = {service: ports.free_or(port) for service, port in wanted.items()}
    started = {
        service: programs.start(
            f"service {service}",
            commands[service],
            log=_fresh(logs / f"{service}.log"),
            environment=environment(service, stack, issuer, port=chosen[service]),
            journal=site.journal,
            tied=site.tied,
        )
        for service in SERVICES
    }
    addresses = {service: f"http://{ports.HOST}:{port}" for service, port in chosen.items()}
    wait_until_ready(addresses, programs=started)
    return addresses


def environment(service: str, stack: Stack, issuer: LocalIssuer, *, port: int) -> dict[str, str]:
    settings = {
        "ENVIRONMENT": "development",
        "MONGO_URI": stack.mongo_uris[service],
        "MONGO_DATABASE": service,
        "KAFKA_BOOTSTRAP": stack.bootstrap,
        "ISSUERS_FILE": str(issuer.issuers_file),
        "TOPICS_SIZE": "native",
        "HTTP_HOST": ports.HOST,
        "HTTP_PORT": str(port),
    }
    if stack.kind == "embedded":
        # The embedded broker answers an empty fetch only after the whole wait.
        settings["KAFKA_FETCH_MAX_WAIT_MS"] = "10"
        settings["TOPICS_CHECKED"] = "false"
    if network := network_id():
        settings["NETWORK_ID"] = network
    own = {f"{service.upper()}_{name}": value for name, value in settings.items()}
    return {**own, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


def wait_until_ready(addresses: Mapping[str, str], *, programs: Mapping[str, Program]) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    waiting = dict(addresses)
    while waiting:
        for service in waiting:
            _refuse_dead(programs[service])
        waiting = {service: address for service, address in waiting.items() if not serves(programs[service], address)}
        if time.monotonic() > deadline:
            logs = "\n".join(f"--- {name}\n{programs[name].last_lines()}" for name in waiting)
            raise Unavailable(f"not ready after {_READY_SECONDS} s: {', '.join(waiting)}\n{logs}")
        time.sleep(0.1)


def serves(program: Program, address: str) -> bool:
    """Whether this program answers there, and not the service of another checkout on the same port."""
    return program.listens_on(int(address.rpartition(":")[2])) and is_ready(address)


def is_ready(address: str) -> bool:
    try:
        return httpx.get(f"{address}/health/ready", timeout=2).is_success
    except httpx.HTTPError:  # not up yet; the caller polls until a deadline
        return False


def _refuse_dead(program: Program) -> None:
    if not program.is_running:
        raise Unavailable(f"{program.name} ended; its last lines ({program.log}):\n{program.last_lines()}")


def _fresh(log: Path) -> Path:
    log.unlink(missing_ok=True)
    return log
