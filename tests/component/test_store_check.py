"""A service tries at start what it needs of its MongoDB, and ends with one line where something is missing."""

import asyncio
import os
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import httpx
import pytest

from deploy.issuer import LocalIssuer
from deploy.stack import ports
from deploy.stack.model import Unavailable
from services.profiles import app
from services.profiles.settings import Settings
from shared import mongo, store_check
from shared.clock import Clock
from shared.mongo import Database
from shared.service import Service
from shared.store_check import Unsuitable
from tests.conftest import missing
from tests.servers import Servers

ROOT = Path(__file__).parent.parent.parent
RIGHTS = {
    "createIndex": "create collections and indexes",
    "insert": "insert documents",
    "find": "find documents",
    "update": "update documents",
    "remove": "delete documents",
    "changeStream": "open change streams",
}


@pytest.fixture(scope="module")
def standalone(servers: Servers) -> str:
    try:
        return servers.standalone_mongo()
    except Unavailable as error:
        missing(str(error))
        raise


@pytest.fixture
async def limited(database: Database) -> AsyncIterator[Callable[..., Awaitable[Database]]]:
    """Signs in as a new user who has these rights in the test's database, and none elsewhere."""
    admin, opened, names = database.client["admin"], [], []

    async def with_rights(*actions: str) -> Database:
        name, password = f"u-{secrets.token_hex(6)}", secrets.token_hex(12)
        names.append(name)
        privileges = [{"resource": {"db": database.name, "collection": ""}, "actions": list(actions)}]
        await admin.command("createRole", name, privileges=privileges, roles=[])
        await admin.command("createUser", name, pwd=password, roles=[name])
        opened.append(mongo.connect(signed_in(mongo_address(database), name, password), database.name))
        return opened[-1]

    yield with_rights
    for connection in opened:
        connection.client.close()
    for name in names:
        await admin.command("dropUser", name)
        await admin.command("dropRole", name)


def mongo_address(database: Database) -> str:
    host, port = database.client.address
    return f"mongodb://{host}:{port}/?authSource=admin&directConnection=true"


def signed_in(uri: str, user: str, password: str) -> str:
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(netloc=f"{user}:{password}@{parts.hostname}:{parts.port}"))


async def refused(database: Database, clock: Clock) -> str:
    with pytest.raises(Unsuitable) as caught:
        await store_check.check(database, probe=clock.new_id())
    assert "\n" not in str(caught.value)
    return str(caught.value)


async def test_a_replica_set_with_sufficient_rights_passes_and_leaves_no_data(
    database: Database, limited: Callable[..., Awaitable[Database]], clock: Clock
) -> None:
    mine = await limited("createCollection", *RIGHTS)
    await asyncio.gather(*(store_check.check(mine, probe=clock.new_id()) for _ in range(5)))
    assert await database["startup_check"].count_documents({}) == 0


@pytest.mark.parametrize(("right", "named"), RIGHTS.items())
async def test_a_missing_right_of_the_user_is_named(
    limited: Callable[..., Awaitable[Database]], clock: Clock, right: str, named: str
) -> None:
    message = await refused(await limited("createCollection", *(RIGHTS.keys() - {right})), clock)
    assert f"may not {named}" in message
    assert "grant it the role readWrite" in message


async def test_a_wrong_password_is_reported_as_such(database: Database, clock: Clock) -> None:
    wrong = mongo.connect(signed_in(mongo_address(database), "nobody", "hunter2"), database.name)
    message = await refused(wrong, clock)
    wrong.client.close()
    assert "refuses the user name or the password" in message
    assert "hunter2" not in message


async def test_credentials_are_required_where_the_server_requires_them(database: Database, clock: Clock) -> None:
    anonymous = mongo.connect(mongo_address(database), database.name)
    message = await refused(anonymous, clock)
    anonymous.client.close()
    assert "put a user name and a password in the URI" in message


async def test_an_address_without_a_server_is_reported_as_such(clock: Clock) -> None:
    (port,) = ports.free_ports(1)
    away = mongo.connect(f"mongodb://{ports.HOST}:{port}/?serverSelectionTimeoutMS=300", "x")
    message = await refused(away, clock)
    away.client.close()
    assert "no server answers" in message


def environment(uri: str, issuer: LocalIssuer, bootstrap: str) -> dict[str, str]:
    values = {
        "ENVIRONMENT": "development",
        "MONGO_URI": uri,
        "KAFKA_BOOTSTRAP": bootstrap,
        "ISSUERS_FILE": str(issuer.issuers_file),
        "TOPICS_SIZE": "native",
    }
    return {f"PROFILES_{name}": value for name, value in values.items()}


@pytest.fixture
async def on_a_standalone(standalone: str, issuer: LocalIssuer, clock: Clock) -> AsyncIterator[Service]:
    service = app.build(
        Settings(
            environment="development",
            mongo_uri=standalone,
            kafka_bootstrap=f"{ports.HOST}:1",
            issuers_file=issuer.issuers_file,
            topics_size="native",
        ),
        clock,
    )
    yield service
    await service.close()


async def test_a_server_without_a_replica_set_is_not_ready(on_a_standalone: Service) -> None:
    transport = httpx.ASGITransport(app=on_a_standalone.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://profiles.test") as client:
        answer = await client.get("/health/ready")
    assert answer.status_code == 503
    assert "not a member of a replica set" in answer.json()["wrong"]["store"]


def test_a_service_ends_with_a_line_that_names_the_setting_and_the_remedy(standalone: str, issuer: LocalIssuer) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "services.profiles"],
        cwd=ROOT,
        env={**os.environ, **environment(standalone, issuer, f"{ports.HOST}:1")},
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert ended.returncode == 1
    [line] = ended.stderr.splitlines()
    assert line.startswith("cannot start: PROFILES_MONGO_URI: the server is not a member of a replica set")
    assert "rs.initiate()" in line
