"""Shared by the operator's commands: a service's store and addresses, the audit, and output to the terminal."""

import asyncio
import os
import pwd
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NoReturn, TypeVar

import typer
from aiokafka.errors import KafkaError
from rich.console import Console

from deploy.entry import secrets_from_files
from deploy.names import SERVICES
from shared import kafka, mongo
from shared.auth import Issuer, load_issuers
from shared.clock import SystemClock
from shared.mongo import Database
from shared.network import TOPIC, AnotherNetwork, Network
from shared.topics import topic_names

T = TypeVar("T")


def run_with_store(service: str, work: Callable[[Database], Awaitable[T]]) -> T:
    """Runs `work` with the service's store. Ends the command where MongoDB or Kafka cannot be used."""
    uri, name = _store(service)

    async def connected() -> T:
        database = mongo.connect(uri, name)
        try:
            return await work(database)
        finally:
            database.client.close()

    try:
        return asyncio.run(connected())
    except mongo.PyMongoError as fault:
        end(f"the MongoDB of {service} cannot be used ({type(fault).__name__}): check its address and that it runs")
    except KafkaError as fault:
        end(
            f"Kafka cannot be used ({type(fault).__name__}): check its address, that it runs, "
            f"and that {service} has started once"
        )


async def record_in_audit(database: Database, what: str, **more: object) -> None:
    clock = SystemClock()
    await database["audit"].insert_one(
        {"_id": clock.new_id(), "when": clock.now(), "who": operator(), "what": what, **more}
    )


def bootstrap_of(service: str) -> str:
    """The address with the network's id, in the form that `shared.kafka` reads."""
    return kafka.address(_setting(service, "KAFKA_BOOTSTRAP"), network=network_of(service))


def issuers_of(service: str) -> Sequence[Issuer]:
    path = Path(_setting(service, "ISSUERS_FILE"))
    try:
        return load_issuers(path)
    except (OSError, ValueError) as reason:
        end(f"{service.upper()}_ISSUERS_FILE: cannot be used ({type(reason).__name__})")


def network_of(service: str) -> str:
    return os.environ.get(f"{service.upper()}_NETWORK_ID", "")


async def check_network(database: Database, service: str) -> None:
    """Ends the command where the topics belong to another network, and so describe other people."""
    address = bootstrap_of(service)
    if kafka.named(address, TOPIC) not in await topic_names(address):
        return
    try:
        await Network(database, address, service=service, clock=SystemClock()).check()
    except AnotherNetwork as reason:
        end(f"{service.upper()}_NETWORK_ID: {reason}")


def _store(service: str) -> tuple[str, str]:
    if service not in SERVICES:
        end(f"there is no service {service}: choose from {', '.join(SERVICES)}")
    return _setting(service, "MONGO_URI"), os.environ.get(f"{service.upper()}_MONGO_DATABASE", service)


def _setting(service: str, name: str) -> str:
    variable = f"{service.upper()}_{name}"
    environment = secrets_from_files(dict(os.environ))
    if not environment.get(variable):
        files = f" (or {variable}_FILE)" if name.endswith("_URI") else ""
        end(f"set {variable}{files} to the value that the service has")
    return environment[variable]


def operator() -> str:
    """From the system, not from `USER`, which anybody may set. A container's user may have no name."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def console() -> Console:
    return Console() if sys.stdout.isatty() else Console(width=240)


def say(line: str) -> None:
    console().print(line, markup=False, highlight=False, soft_wrap=True)


def end(reason: str) -> NoReturn:
    Console(stderr=True).print(reason, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(1)
