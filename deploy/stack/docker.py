"""Runs docker-compose.yml, which includes the services. A project that runs already is used and left running."""

import os
import subprocess
from pathlib import Path

from deploy.names import MAIL, SIGN_IN, WEB
from deploy.stack import images, ports
from deploy.stack.model import SERVICES, Site, Stack, Unavailable

ROOT = Path(__file__).parent.parent.parent
_PORTS = {
    "PROFILES_PORT": 8001,
    "MATCHING_PORT": 8002,
    "NOTIFICATIONS_PORT": 8003,
    "MENTORSHIPS_PORT": 8004,
    "WEB_PORT": 8080,
    "SIGN_IN_PORT": 8081,
    "MAIL_PORT": 8025,
    "KAFKA_PORT": 9092,
}
_GATEWAY_PORTS = {
    "profiles": "8001",
    "matching": "8002",
    "notifications": "8003",
    "mentorships": "8004",
    WEB: "8080",
    SIGN_IN: "8081",
    MAIL: "8025",
}
_MARK = "compose-started"


def start(site: Site) -> Stack:
    images.require(images.KAFKA, images.MONGO, images.PYTHON)
    _require_compose()
    is_running = _is_running()
    if is_running and (elsewhere := _other_checkout()):
        raise Unavailable(
            f"the compose project is already running, started from {elsewhere}: use it there, stop it there, "
            "or set COMPOSE_PROJECT_NAME to start a second one"
        )
    if not is_running:
        site.folder.mkdir(parents=True, exist_ok=True)
        (site.folder / _MARK).touch()
        site.say("building the image preceptor:local and starting docker-compose.yml")
        # A separate build, so that its failure is not reported as a server's.
        _compose("build", "credentials")
        chosen = {name: str(ports.free_or(port)) for name, port in _PORTS.items()}
        _compose("up", "--wait", "--wait-timeout", "300", environment=chosen)
    addresses = {name: f"http://{_compose('port', 'gateway', port)}" for name, port in _GATEWAY_PORTS.items()}
    return Stack(
        kind="docker", bootstrap=_compose("port", "kafka", "9094"), mongo_uris={}, addresses=addresses, notes=()
    )


def was_started(folder: Path) -> bool:
    return (folder / _MARK).exists()


def stop(folder: Path) -> None:
    _compose("down", "--volumes", "--timeout", "3")
    (folder / _MARK).unlink()


def _is_running() -> bool:
    running = _compose("ps", "--services", "--status", "running").split()
    return {*SERVICES, WEB, SIGN_IN, MAIL, "gateway"} <= set(running)


def _other_checkout() -> str | None:
    """The folder that the running project was started from, unless it is this one."""
    (container, *_) = _compose("ps", "--quiet", SERVICES[0]).split()
    label = '{{ index .Config.Labels "com.docker.compose.project.working_dir" }}'
    folder = Path(_docker("inspect", "--format", label, container))
    return None if folder == ROOT else str(folder)


def _require_compose() -> None:
    result = subprocess.run(["docker", "compose", "version", "--short"], capture_output=True, text=True, check=False)
    version = result.stdout.strip().lstrip("v")
    if result.returncode or not version or int(version.split(".", maxsplit=1)[0]) < 2:  # noqa: PLR2004 -- Compose v2
        raise Unavailable("Docker Compose v2 is not installed")


def _compose(*words: str, environment: dict[str, str] | None = None) -> str:
    try:
        return _docker("compose", *words, environment=environment)
    except Unavailable as failed:
        raise Unavailable(f"{failed}{_unhealthy() if words[0] == 'up' else ''}") from failed


def _docker(*words: str, environment: dict[str, str] | None = None) -> str:
    result = subprocess.run(
        ["docker", *words],
        cwd=ROOT,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise Unavailable(f"docker {' '.join(words[:2])} failed:\n{result.stderr[-3000:]}")
    return result.stdout.strip()


def _unhealthy() -> str:
    logs = subprocess.run(
        [
            "docker",
            "compose",
            "logs",
            "--no-color",
            "--tail",
            "15",
            *SERVICES,
            WEB,
            SIGN_IN,
            MAIL,
            "topics",
            "credentials",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return f"\n{logs.stdout[-6000:]}"
