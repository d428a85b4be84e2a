"""The native stack, whole: started together, used, stopped, and nothing left."""

import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from pymongo import MongoClient
from pymongo.errors import OperationFailure

from deploy import processes
from deploy.issuer import LocalIssuer
from deploy.names import DATABASES
from deploy.stack import embedded, kafka, native
from deploy.stack.find import undo
from deploy.stack.model import SERVICES, Site, Stack, Unavailable
from deploy.stack.programs import Journal
from tests.conftest import missing

ANSWER_READY = """
import http.server, os, sys
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self): self.send_response(200); self.end_headers()
    def log_message(self, *_): pass
name = sys.argv[1].upper()
address = (os.environ[f"{name}_HTTP_HOST"], int(os.environ[f"{name}_HTTP_PORT"]))
http.server.HTTPServer(address, Ready).serve_forever()
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(folder=tmp_path / "servers", journal=Journal(tmp_path / "programs.jsonl"), say=print, tied=True)
    yield site
    undo(site)


@pytest.fixture
def stack(site: Site) -> Stack:
    if reason := kafka.why_not():
        missing(f"no native stack: {reason}")
    return native.start(site)


def test_each_services_credentials_open_only_its_own_database(stack: Stack) -> None:
    for service in SERVICES:
        with MongoClient[dict[str, int]](stack.mongo_uris[service]) as client:
            client[service]["things"].insert_one({"n": 1})
            with pytest.raises(OperationFailure):
                client["somebody_elses"]["things"].insert_one({"n": 1})


def test_stopping_leaves_no_process_and_no_file(stack: Stack, site: Site) -> None:
    pids = [program.pid for program in site.journal.programs()]
    assert len(pids) == 1 + len(DATABASES), stack
    assert len(undo(site)) == 1 + len(DATABASES)
    assert not [pid for pid in pids if psutil.pid_exists(pid)]
    assert not site.folder.exists()
    assert undo(site) == []


def test_services_get_addresses_when_all_are_ready(site: Site, tmp_path: Path) -> None:
    commands = {service: (sys.executable, "-c", ANSWER_READY, service) for service in SERVICES}
    addresses = processes.start(
        _anywhere(), _issuer(tmp_path), site=site, logs=tmp_path / "logs", commands=commands, wanted=processes.ANY_PORTS
    )
    assert all(processes.is_ready(address) for address in addresses.values())
    assert undo(site) == [f"service {service}" for service in SERVICES]


def test_a_service_that_dies_early_is_named_with_its_last_lines(site: Site, tmp_path: Path) -> None:
    commands = {service: (sys.executable, "-c", ANSWER_READY, service) for service in SERVICES}
    commands["matching"] = (sys.executable, "-c", "raise SystemExit('no index, no list')", "")
    with pytest.raises(Unavailable, match=r"(?s)service matching ended.*no index, no list"):
        processes.start(
            _anywhere(),
            _issuer(tmp_path),
            site=site,
            logs=tmp_path / "logs",
            commands=commands,
            wanted=processes.ANY_PORTS,
        )


def test_the_embedded_broker_answers_at_its_reported_address(site: Site) -> None:
    if reason := kafka.why_not():
        missing(f"no mongod for the embedded stack: {reason}")
    stack = embedded.start(site)
    assert stack.kind == "embedded"
    assert any("memory" in note for note in stack.notes)
    assert len(stack.mongo_uris) == len(DATABASES)


def _anywhere() -> Stack:
    return Stack(kind="native", bootstrap="127.0.0.1:1", mongo_uris=dict.fromkeys(SERVICES, "mongodb://nowhere"))


def _issuer(tmp_path: Path) -> LocalIssuer:
    return LocalIssuer.load_or_create(tmp_path / "issuer")
