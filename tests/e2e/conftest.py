"""The services as real processes on real servers, each of which a test may stop and start again."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from deploy import processes
from deploy.issuer import LocalIssuer
from deploy.stack import programs
from deploy.stack.model import SERVICES, Site, Stack
from deploy.stack.programs import Journal, Program


@dataclass(frozen=True, slots=True)
class Running:
    stack: Stack
    issuer: LocalIssuer
    site: Site
    addresses: Mapping[str, str]
    logs: Path

    @property
    def bootstrap(self) -> str:
        return self.stack.bootstrap

    def log(self, service: str) -> str:
        return (self.logs / f"{service}.log").read_text(encoding="utf-8")

    def stop(self, service: str) -> None:
        assert programs.stop(self._programs(service)) == [f"service {service}"]

    def start(self, service: str) -> None:
        """Again, where it was."""
        address = self.addresses[service]
        program = programs.start(
            f"service {service}",
            processes.COMMANDS[service],
            log=self.logs / f"{service}.log",
            environment=processes.environment(service, self.stack, self.issuer, port=int(address.rpartition(":")[2])),
            journal=self.site.journal,
            tied=True,
        )
        processes.wait_until_ready({service: address}, programs={service: program})

    def _programs(self, service: str) -> list[Program]:
        return [program for program in self.site.journal.programs() if program.name == f"service {service}"]


@pytest.fixture(scope="module")
def services(
    kafka_bootstrap: str,
    mongo_uris: dict[str, str],
    issuer: LocalIssuer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("services")
    site = Site(folder=folder, journal=Journal(folder / "programs.jsonl"), say=print, tied=True)
    # The services are given the servers' addresses, whatever runs them.
    stack = Stack(kind="env", bootstrap=kafka_bootstrap, mongo_uris=mongo_uris)
    try:
        addresses = processes.start(stack, issuer, site=site, logs=folder / "logs", wanted=processes.ANY_PORTS)
        yield Running(stack, issuer, site, addresses, folder / "logs")
    finally:
        programs.stop(
            program for program in site.journal.programs() if program.name.removeprefix("service ") in SERVICES
        )
