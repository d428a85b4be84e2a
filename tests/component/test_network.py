"""Two networks on one Kafka: apart by their ids, and refused where they would share topics."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest

from deploy.issuer import LocalIssuer
from shared import kafka
from shared.clock import Clock, SystemClock
from shared.mongo import Database, connect
from shared.network import AnotherNetwork, Network, marker_topic, read_marker
from shared.topics import NATIVE, create_missing, load_topics
from tests.conftest import TOPICS

ROOT = Path(__file__).parent.parent.parent


async def created(address: str) -> str:
    like = load_topics(TOPICS, size=NATIVE)[0]
    await create_missing(address, [marker_topic(address, like=like)])
    return address


@pytest.fixture
def network_id(clock: Clock) -> str:
    return f"n{clock.new_id()[-12:]}"


@pytest.fixture
async def address(kafka_bootstrap: str, network_id: str) -> str:
    return await created(kafka.address(kafka_bootstrap, network=network_id))


@pytest.fixture
async def other_address(kafka_bootstrap: str, network_id: str) -> str:
    return await created(kafka.address(kafka_bootstrap, network=f"{network_id}-2"))


@pytest.fixture
async def beside(database: Database, mongo_uri: str) -> AsyncIterator[Callable[[str], Database]]:
    """Makes another store on the same server."""
    opened: list[Database] = []

    def connected(name: str) -> Database:
        opened.append(connect(mongo_uri, f"{database.name}_{name}"))
        return opened[-1]

    yield connected
    for store in opened:
        await store.client.drop_database(store.name)
        store.client.close()


def network(database: Database, address: str, service: str = "profiles") -> Network:
    return Network(database, address, service=service, clock=SystemClock())


async def test_a_service_joins_once_and_starts_again(database: Database, address: str) -> None:
    await network(database, address).join()
    first = await read_marker(address)
    await network(database, address).join()
    assert await read_marker(address) == first
    assert first.identity is not None


async def test_services_of_one_network_share_its_identity(
    database: Database, address: str, beside: Callable[[str], Database]
) -> None:
    other = beside("matching")
    await network(database, address).join()
    await network(other, address, "matching").join()
    remembered = [(await store["network"].find_one() or {})["identity"] for store in (database, other)]
    assert remembered == [(await read_marker(address)).identity] * 2


async def test_a_second_network_with_the_same_id_is_refused(
    database: Database, address: str, beside: Callable[[str], Database]
) -> None:
    await network(database, address).join()
    with pytest.raises(AnotherNetwork, match="another MongoDB"):
        await network(beside("second"), address).join()
    await network(database, address).join()


async def test_a_service_of_a_network_known_elsewhere_is_refused(
    database: Database, address: str, other_address: str, beside: Callable[[str], Database]
) -> None:
    other = beside("elsewhere")
    await network(other, other_address, "matching").join()
    await network(database, address).join()
    before = await read_marker(address)
    for refused in (network(other, address, "matching").join, network(other, address, "matching").check):
        with pytest.raises(AnotherNetwork, match="another network"):
            await refused()
    assert await read_marker(address) == before


async def test_networks_with_different_ids_are_separate(
    database: Database, address: str, other_address: str, beside: Callable[[str], Database]
) -> None:
    await network(database, address).join()
    await network(beside("apart"), other_address).join()


async def test_a_lost_store_is_replaced_by_an_operator_only(
    database: Database, address: str, beside: Callable[[str], Database]
) -> None:
    await network(database, address).join()
    fresh = network(beside("fresh"), address)
    with pytest.raises(AnotherNetwork):
        await fresh.join()
    await fresh.adopt()
    await fresh.join()
    with pytest.raises(AnotherNetwork):
        await network(database, address).join()
    await network(database, address).adopt()
    with pytest.raises(AnotherNetwork):
        await fresh.join()


async def test_checking_a_store_that_joined_no_network_claims_nothing(database: Database, address: str) -> None:
    assert (await network(database, address).check()).stores == {}
    assert (await read_marker(address)).identity is None


def command(environment: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )


@pytest.fixture
def second(
    beside: Callable[[str], Database],
    network_id: str,
    mongo_uri: str,
    kafka_bootstrap: str,
    issuer: LocalIssuer,
) -> dict[str, str]:
    """The environment of profiles with the same network id and another store."""
    values = {
        "ENVIRONMENT": "development",
        "MONGO_URI": mongo_uri,
        "MONGO_DATABASE": beside("second").name,
        "KAFKA_BOOTSTRAP": kafka_bootstrap,
        "NETWORK_ID": network_id,
        "NETWORK_CHECKED": "true",
        "ISSUERS_FILE": str(issuer.issuers_file),
        "TOPICS_SIZE": "native",
    }
    return {f"PROFILES_{name}": value for name, value in values.items()}


async def test_a_service_on_another_networks_topics_ends_with_a_line_naming_the_setting(
    database: Database, address: str, network_id: str, second: dict[str, str]
) -> None:
    await create_missing(address, load_topics(TOPICS, size=NATIVE, network=network_id))
    await network(database, address).join()
    ended = command(second, "services.profiles")
    assert ended.returncode == 1
    [line] = ended.stderr.splitlines()
    assert line.startswith("cannot start: PROFILES_NETWORK_ID: the topics belong to a network whose profiles has")
    assert "python -m deploy.network adopt profiles" in line


async def test_commands_refuse_the_topics_of_another_network_until_they_are_adopted(
    database: Database, address: str, network_id: str, kafka_bootstrap: str, second: dict[str, str]
) -> None:
    applied = command(
        {}, "deploy.topics", "apply", f"--bootstrap={kafka_bootstrap}", "--size=native", f"--network={network_id}"
    )
    assert applied.stdout.splitlines()[-1] == "every topic is as declared"
    await network(database, address).join()
    with_store = second | {"PROFILES_MONGO_DATABASE": database.name}
    assert "profiles: claimed" in command(with_store, "deploy.network", "show", "profiles").stdout
    remembered = connect(second["PROFILES_MONGO_URI"], second["PROFILES_MONGO_DATABASE"])
    await remembered["network"].insert_one({"_id": "this", "store": "another", "identity": "another"})
    remembered.client.close()
    for words in (("deploy.network", "show", "profiles"), ("deploy.restored", "profiles", "--dry-run")):
        refused = command(second, *words)
        assert (refused.returncode, "belongs to another network" in refused.stderr) == (1, True)
    assert command(second, "deploy.network", "adopt", "profiles").returncode == 0
    assert command(second, "deploy.network", "show", "profiles").returncode == 0


async def test_topics_and_groups_of_a_network_carry_its_id_and_rows_do_not(kafka_bootstrap: str) -> None:
    north = kafka.address(kafka_bootstrap, network="north")
    assert kafka.servers(north) == kafka.servers(kafka_bootstrap)
    assert kafka.named(north, "profiles.members") == "north.profiles.members"
    assert kafka.unnamed(north, "north.profiles.members") == "profiles.members"
    assert kafka.named(kafka_bootstrap, "profiles.members") == "profiles.members"
