"""Fail-points: set by name, refused in production, and reached by the work that they name alone."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared import failpoints

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    failpoints.arm("profiles", "", environment="production")


def arm(setting: str, *, service: str = "profiles", environment: str = "development") -> None:
    failpoints.arm(service, setting, environment=environment)


def test_a_fail_point_at_work_that_the_process_does_not_do_is_refused() -> None:
    arm("profiles.clockwork.after-commit:2")
    with pytest.raises(SystemExit, match="no work named clockwork: choose from api, relay, rosters"):
        failpoints.require_work(["rosters", "relay"])
    arm("profiles.rosters.after-commit:2,profiles.api.after-commit:1")
    failpoints.require_work(["rosters", "relay"])


def ran(setting: str, script: str) -> int:
    """How a process ended that was armed with `setting` and ran the script."""
    begin = f"from shared import failpoints; failpoints.arm('profiles', {setting!r}, environment='development')\n"
    return subprocess.run([sys.executable, "-c", begin + script], cwd=ROOT, check=False).returncode


def test_a_process_is_killed_at_the_arrival_that_is_named() -> None:
    script = "failpoints.enter('relay')\n{}raise SystemExit(7)"
    arrival = "failpoints.reach('after-publish')\n"
    assert ran("profiles.relay.after-publish:3", script.format(2 * arrival)) == 7
    assert ran("profiles.relay.after-publish:3", script.format(3 * arrival)) == -signal.SIGKILL


def test_a_process_that_is_stopped_and_resumed_goes_on_and_is_not_stopped_again() -> None:
    script = (
        "from shared import failpoints; failpoints.arm('profiles', 'profiles.api.after-commit:1:stop', "
        "environment='development')\nfor _ in range(9): failpoints.reach('after-commit')"
    )
    process = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT)
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    process.send_signal(signal.SIGCONT)
    assert process.wait(timeout=10) == 0


@pytest.mark.parametrize(
    "setting",
    ["", "matching.relay.after-publish:1", "profiles.relay.before-mark:1", "profiles.clockwork.after-publish:1"],
)
def test_a_fail_point_of_another_service_is_ignored(setting: str) -> None:
    arm(setting)
    failpoints.enter("relay")
    failpoints.reach("after-publish")


@pytest.mark.parametrize(
    "setting",
    [
        "after-publish",
        "profiles.relay.after-publish",
        "profiles.relay.after-publish:0",
        "profiles.relay.after-publish:-1",
        "profiles.relay.after-lunch:1",
        "profiles.relay.after-publish:1:nap",
        "profiles.relay.after-publish:1 ",
    ],
)
def test_a_setting_that_names_no_fail_point_is_refused(setting: str) -> None:
    with pytest.raises(SystemExit, match="must be <service>"):
        arm(setting)


def test_a_service_in_production_does_not_start_with_a_fail_point(tmp_path: Path) -> None:
    issuers = tmp_path / "issuers.json"
    https = {"issuer": "https://sso.example", "audience": "preceptor", "jwks_uri": "https://sso.example/jwks"}
    issuers.write_text(json.dumps([https | {"institutions": ["st-anna"]}]))
    environment = {
        "MATCHING_MONGO_URI": "mongodb://nowhere.example/",
        "MATCHING_KAFKA_BOOTSTRAP": "nowhere.example:9092",
        "MATCHING_ISSUERS_FILE": str(issuers),
        failpoints.VARIABLE: "matching.relay.after-publish:1",
    }
    ended = subprocess.run(
        [sys.executable, "-m", "services.matching"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert ended.returncode == 1
    assert failpoints.VARIABLE in ended.stderr


@pytest.mark.parametrize("service", ["profiles", "matching"])
def test_production_refuses_the_fail_points_of_every_service(service: str) -> None:
    with pytest.raises(SystemExit, match="for development"):
        arm("profiles.relay.after-publish:3", service=service, environment="production")
