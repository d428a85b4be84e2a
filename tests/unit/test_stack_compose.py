"""docker-compose.yml and the image keep what the operator was promised; read here, run in e2e."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.credentials import make
from deploy.entry import secrets_from_files
from deploy.issuer import LocalIssuer
from deploy.names import DATABASES, SIGN_IN
from deploy.stack import images, kafka, mongod
from deploy.stack.model import SERVICES

ROOT = Path(__file__).parent.parent.parent
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")


@pytest.mark.parametrize("service", DATABASES)
def test_a_service_has_a_read_only_root_and_no_privileges(service: str) -> None:
    declared = COMPOSE[service]
    assert declared["read_only"] is True
    assert declared["cap_drop"] == ["ALL"]
    assert declared["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_waits_for_its_own_healthy_server_and_for_the_topics(service: str) -> None:
    waits = COMPOSE[service]["depends_on"]
    assert waits[f"mongo-{service}"] == {"condition": "service_healthy"}
    assert waits["topics"] == {"condition": "service_completed_successfully"}


@pytest.mark.parametrize("service", DATABASES)
def test_a_service_sees_only_its_own_credentials(service: str) -> None:
    assert COMPOSE[service]["volumes"] == [f"credentials-{service}:/run/credentials/{service}:ro"]


@pytest.mark.parametrize("service", DATABASES)
def test_a_service_has_no_port_of_the_host_so_that_it_scales(service: str) -> None:
    assert "ports" not in COMPOSE[service]


def test_only_the_development_sign_in_reads_the_issuer_s_key() -> None:
    readers = {name for name, declared in COMPOSE.items() if "/issuer" in str(declared.get("volumes"))}
    assert readers == {SIGN_IN}
    assert COMPOSE[SIGN_IN]["volumes"] == ["./.dev/issuer:/run/issuer:ro"]


def test_no_secret_is_written_in_the_compose_file() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    assert not re.search(r"(?i)password\S*:|mongodb://|secret\S*:", text)


def test_tests_and_compose_name_the_same_images() -> None:
    assert {declared["image"] for declared in COMPOSE.values()} == {images.KAFKA, images.MONGO, "preceptor:local"}
    assert f"FROM {images.PYTHON}" in DOCKERFILE


def test_compose_sets_its_single_node_as_the_native_stack_does() -> None:
    environment = COMPOSE["kafka"]["environment"]
    configured = {name: str(environment.get(kafka.variable(name))).lower() for name in kafka.SINGLE_NODE}
    assert configured == kafka.SINGLE_NODE


def test_compose_sets_its_mongods_as_the_native_stack_does() -> None:
    for service in DATABASES:
        [command] = COMPOSE[f"mongo-{service}"]["command"]
        assert set(re.findall(r"--setParameter (\S+)", command)) == {f"{n}={v}" for n, v in mongod.PARAMETERS.items()}


def test_the_image_runs_as_a_plain_user_and_installs_by_hash() -> None:
    assert "\nUSER 10001\n" in DOCKERFILE
    assert "--require-hashes" in DOCKERFILE
    assert "# syntax=" not in DOCKERFILE
    assert all(line.split(maxsplit=1)[1].startswith("[") for line in DOCKERFILE.splitlines() if "CMD [" in line[:4])


def test_credentials_are_generated_once(tmp_path: Path) -> None:
    volumes = tmp_path / "volumes"
    for service in DATABASES:
        (volumes / service).mkdir(parents=True)
    issuer = LocalIssuer.load_or_create(tmp_path / "issuer")
    make(volumes, issuer)
    first = (volumes / "matching" / "mongo_uri").read_text(encoding="utf-8")
    make(volumes, issuer)
    assert (volumes / "matching" / "mongo_uri").read_text(encoding="utf-8") == first
    assert not list(volumes.rglob("key.pem"))


def test_a_secret_that_came_as_a_file_becomes_a_variable(tmp_path: Path) -> None:
    (tmp_path / "uri").write_text("mongodb://one\n", encoding="utf-8")
    files = {"PROFILES_MONGO_URI_FILE": str(tmp_path / "uri"), "PROFILES_ISSUERS_FILE": "/run/issuers.json"}
    environment = secrets_from_files(files)
    assert environment["PROFILES_MONGO_URI"] == "mongodb://one"
    assert "PROFILES_ISSUERS" not in environment


@pytest.mark.parametrize("name", sorted(COMPOSE))
def test_every_container_has_a_memory_limit_and_rotates_its_log(name: str) -> None:
    assert COMPOSE[name]["mem_limit"]
    assert COMPOSE[name]["logging"]["options"] == {"max-size": "10m", "max-file": "3"}


def test_up_builds_the_image_that_every_service_uses() -> None:
    built = {declared["image"] for declared in COMPOSE.values() if declared.get("pull_policy") == "build"}
    assert built == {"preceptor:local"}
