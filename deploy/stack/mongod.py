"""Runs a real mongod for one service, with authentication, as a replica set of one (transactions, change streams)."""

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from deploy.stack import ports, programs
from deploy.stack.model import Site, Unavailable
from deploy.stack.programs import Program

_ROOT = "root"
PARAMETERS = {
    # By default it waits 15 s for secondaries, which a set of one does not have.
    "shutdownTimeoutMillisForSignaledShutdown": "100",
    # A killed process leaves documents locked until then; the default is a minute.
    "transactionLifetimeLimitSeconds": "5",
}


@dataclass(frozen=True, slots=True)
class Mongod:
    program: Program
    port: int
    password: str

    @property
    def root_uri(self) -> str:
        return uri(port=self.port, user=_ROOT, password=self.password)

    def wait(self) -> None:
        """Waits until the replica set has its primary and the root user exists."""
        ports.wait_until_answers(self.port, program=self.program)
        with _client(f"mongodb://{ports.HOST}:{self.port}/?directConnection=true") as client:
            initiate(client, member=f"{ports.HOST}:{self.port}")
            # Needs no sign-in for the first user ("localhost exception").
            client.admin.command("createUser", _ROOT, pwd=self.password, roles=["root"])

    def grant(self, database: str) -> str:
        """The URI of a new user who owns this database and sees no other."""
        password = secrets.token_urlsafe(24)
        with _client(self.root_uri) as client:
            roles = [{"role": "dbOwner", "db": database}]
            client.admin.command("createUser", database, pwd=password, roles=roles)
        return uri(port=self.port, user=database, password=password)


def uri(*, port: int, user: str, password: str) -> str:
    return f"mongodb://{user}:{password}@{ports.HOST}:{port}/?replicaSet=rs0&authSource=admin"


def start(site: Site, name: str, *, binaries: Path) -> Mongod:
    """Returns at once; `wait` waits."""
    (port,) = ports.free_ports(1)
    folder = site.folder / f"mongod-{name}"
    folder.mkdir(parents=True)
    program = programs.start(
        f"mongod {name}",
        [str(binaries / "mongod"), *_options(folder, port=port)],
        log=site.folder / f"mongod-{name}.log",
        environment={"LD_LIBRARY_PATH": str(binaries)},
        journal=site.journal,
        tied=site.tied,
    )
    return Mongod(program=program, port=port, password=secrets.token_urlsafe(24))


def ready_for(service: str, server: Mongod) -> str:
    """Waits, and returns the URI of the service's own user and database."""
    server.wait()
    return server.grant(service)


def _options(folder: Path, *, port: int) -> list[str]:
    key = folder / "key"
    key.touch(mode=0o600)
    key.write_text(secrets.token_hex(32), encoding="utf-8")
    return [
        *("--dbpath", str(folder), "--port", str(port), "--bind_ip", ports.HOST, "--nounixsocket", "--quiet"),
        *("--replSet", "rs0", "--keyFile", str(key), "--wiredTigerCacheSizeGB", "0.25"),
        *(word for name, value in PARAMETERS.items() for word in ("--setParameter", f"{name}={value}")),
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
    ]


@contextmanager
def _client(address: str) -> Iterator[MongoClient[dict[str, Any]]]:
    client: MongoClient[dict[str, Any]] = MongoClient(address, serverSelectionTimeoutMS=20_000)
    try:
        yield client
    except PyMongoError as error:
        raise Unavailable(f"mongod refused a command: {error}") from error
    finally:
        client.close()


def initiate(client: MongoClient[dict[str, Any]], *, member: str, within_seconds: float = 120) -> None:
    """Makes a replica set of this one server, and waits until it is the primary."""
    client.admin.command("replSetInitiate", {"_id": "rs0", "members": [{"_id": 0, "host": member}]})
    deadline = time.monotonic() + within_seconds
    while not client.admin.command("hello")["isWritablePrimary"]:
        if time.monotonic() > deadline:
            raise Unavailable(f"mongod has no primary after {within_seconds:.0f} s")
        time.sleep(0.05)
