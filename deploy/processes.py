"""Starts the services, and the web application in front of them, as processes of this machine, each with its own
database server and credentials.
"""

import json
import secrets
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import httpx

from deploy.issuer import LocalIssuer
from deploy.names import MAIL, SIGN_IN, WEB, network_id
from deploy.sign_in.provider import describe
from deploy.stack import ports, programs
from deploy.stack.model import SERVICES, Site, Stack, Unavailable
from deploy.stack.programs import Program

ROOT = Path(__file__).parent.parent
PORTS = {"profiles": 8001, "matching": 8002, "notifications": 8003, "mentorships": 8004}
WEB_PORTS = {WEB: 8080, SIGN_IN: 8081}
MAIL_PORT, SMTP_PORT = 8025, 1025
ANY_PORTS = dict.fromkeys((*PORTS, *WEB_PORTS), 0)
"""For tests: another network on this machine may use the usual ports."""
COMMANDS = {service: (sys.executable, "-m", f"services.{service}") for service in SERVICES}
_READY_SECONDS = 180


def start(
    stack: Stack,
    issuer: LocalIssuer,
    *,
    site: Site,
    logs: Path,
    commands: Mapping[str, Sequence[str]] = COMMANDS,
    wanted: Mapping[str, int] = PORTS,
    further: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Returns the addresses once all are ready; raises `Unavailable` with the last lines of one that is not.

    `further` is added to the environment of each.
    """
    chosen = {service: ports.free_or(wanted[service]) for service in SERVICES}
    started = {
        service: programs.start(
            f"service {service}",
            commands[service],
            log=_fresh(logs / f"{service}.log"),
            environment={**environment(service, stack, issuer, port=chosen[service]), **(further or {})},
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
    if service == "mentorships":
        settings["TEST_CLOCK"] = "true"
    if network := network_id():
        settings["NETWORK_ID"] = network
    own = {f"{service.upper()}_{name}": value for name, value in settings.items()}
    return own | _python()


def start_mail_catcher(*, site: Site, logs: Path) -> tuple[str, dict[str, str]]:
    """The address of its page, and the settings with which notifications sends its mail there."""
    port, smtp_port = ports.free_or(MAIL_PORT), ports.free_or(SMTP_PORT)
    address = f"http://{ports.HOST}:{port}"
    program = programs.start(
        f"service {MAIL}",
        (sys.executable, "-m", "deploy.mail_catcher", "--port", str(port), "--smtp-port", str(smtp_port)),
        log=_fresh(logs / f"{MAIL}.log"),
        environment=_python(),
        journal=site.journal,
        tied=site.tied,
    )
    wait_until_ready({MAIL: address}, programs={MAIL: program})
    settings = {
        "SMTP_HOST": ports.HOST,
        "SMTP_PORT": str(smtp_port),
        "SMTP_SECURITY": "none",
        "MAIL_FROM": "Preceptor <mentoring@preceptor.localhost>",
        "WEB_URL": f"http://{ports.HOST}:{ports.free_or(WEB_PORTS[WEB])}",
        "PUBLIC_URL": f"http://{ports.HOST}:{ports.free_or(PORTS['notifications'])}",
        "UNSUBSCRIBE_KEY": secrets.token_urlsafe(32),
    }
    shared = dict.fromkeys(("PROFILES_INVITATION_KEY", "NOTIFICATIONS_INVITATION_KEY"), secrets.token_urlsafe(32))
    return address, shared | {f"NOTIFICATIONS_{name}": value for name, value in settings.items()}


def start_web(
    stack: Stack,
    issuer: LocalIssuer,
    *,
    services: Mapping[str, str],
    site: Site,
    logs: Path,
    wanted: Mapping[str, int] = WEB_PORTS,
) -> dict[str, str]:
    """The web application in front of `services`, and the provider at which it signs people in; their addresses."""
    chosen = {name: ports.free_or(wanted[name]) for name in WEB_PORTS}
    addresses = {name: f"http://{ports.HOST}:{port}" for name, port in chosen.items()}
    providers = site.folder / "providers.json"
    providers.write_text(json.dumps([describe(addresses[SIGN_IN])]), encoding="utf-8")
    commands = {
        SIGN_IN: (
            *(sys.executable, "-m", "deploy.sign_in", "--issuer", str(issuer.folder), "--public", addresses[SIGN_IN]),
            *("--web", addresses[WEB], "--profiles", services["profiles"], "--port", str(chosen[SIGN_IN])),
        ),
        WEB: (sys.executable, "-m", "services.web"),
    }
    started = {
        name: programs.start(
            f"service {name}",
            command,
            log=_fresh(logs / f"{name}.log"),
            environment=_python()
            | web_environment(stack, issuer, services, address=addresses[WEB], providers=providers),
            journal=site.journal,
            tied=site.tied,
        )
        for name, command in commands.items()
    }
    wait_until_ready(addresses, programs=started)
    return addresses


def web_environment(
    stack: Stack, issuer: LocalIssuer, services: Mapping[str, str], *, address: str, providers: Path
) -> dict[str, str]:
    return {
        "WEB_ENVIRONMENT": "development",
        "WEB_MONGO_URI": stack.mongo_uris[WEB],
        "WEB_MONGO_DATABASE": WEB,
        "WEB_ISSUERS_FILE": str(issuer.issuers_file),
        "WEB_PROVIDERS_FILE": str(providers),
        "WEB_PUBLIC_ADDRESS": address,
        "WEB_HTTP_HOST": ports.HOST,
        "WEB_HTTP_PORT": address.rpartition(":")[2],
        **{f"WEB_{service.upper()}_URL": services[service] for service in SERVICES},
    }


def _python() -> dict[str, str]:
    return {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


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
