"""Environment, Docker, native, embedded: the first that can run is taken, and nobody has to guess why."""

from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.names import DATABASES
from deploy.stack import env
from deploy.stack.find import find
from deploy.stack.model import KINDS, SERVICES, Kind, Site, Stack, Unavailable
from deploy.stack.programs import Journal


@pytest.fixture
def reported() -> list[str]:
    return []


@pytest.fixture
def site(tmp_path: Path, reported: list[str]) -> Site:
    return Site(folder=tmp_path / "servers", journal=Journal(tmp_path / "programs.jsonl"), say=reported.append)


def starts(*able: Kind) -> dict[Kind, Callable[[Site], Stack]]:
    def start(kind: Kind) -> Callable[[Site], Stack]:
        def act(_site: Site) -> Stack:
            if kind not in able:
                raise Unavailable(f"no {kind} here")
            return Stack(kind=kind, bootstrap="127.0.0.1:1", mongo_uris={})

        return act

    return {kind: start(kind) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_kind_that_can_run_is_taken(kind: Kind, site: Site) -> None:
    later = KINDS[KINDS.index(kind) :]
    assert find(None, site=site, starts=starts(*later)).kind == kind


def test_the_choice_is_reported_with_reasons_against_earlier_kinds(site: Site, reported: list[str]) -> None:
    find(None, site=site, starts=starts("native", "embedded"))
    assert reported == ["env: no, no env here", "docker: no, no docker here", "native: yes"]


def test_a_chosen_kind_is_not_replaced_by_another(site: Site) -> None:
    with pytest.raises(Unavailable, match="no docker here"):
        find("docker", site=site, starts=starts("native"))


def test_when_nothing_can_run_every_reason_is_given(site: Site) -> None:
    with pytest.raises(Unavailable, match=r"(?s)env.*docker.*native.*embedded"):
        find(None, site=site, starts=starts())


def test_the_environment_counts_only_when_it_is_complete() -> None:
    with pytest.raises(Unavailable, match="MATCHING_KAFKA_BOOTSTRAP"):
        env.find({"PROFILES_MONGO_URI": "mongodb://one"})


def test_a_complete_environment_gives_each_service_its_own_server() -> None:
    environment = {f"{service.upper()}_KAFKA_BOOTSTRAP": "kafka:9092" for service in SERVICES}
    environment |= {f"{service.upper()}_MONGO_URI": f"mongodb://{service}" for service in DATABASES}
    stack = env.find(environment)
    assert stack.bootstrap == "kafka:9092"
    assert stack.mongo_uris["matching"] == "mongodb://matching"
