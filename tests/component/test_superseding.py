"""A forged sequence that is plausible blocks its key until an operator publishes the true state above it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from structlog.testing import capture_logs
from typer.testing import CliRunner

from deploy.issuer import LocalIssuer
from deploy.supersede import app
from services.matching.projections.handlers import projection_handlers
from services.matching.projections.repository import PARTICIPANTS, ProjectedDocuments
from services.profiles.privacy.erasure.repository import MongoErasureRepository
from services.profiles.privacy.erasure.worker import ErasureWorker
from services.profiles.republishing.repository.stale_heads import TOPICS, MongoStateRepository
from shared.clock import SystemClock
from shared.contracts.profiles import MemberChanged
from shared.epochs import epoch_of
from shared.latest_sequences import heads
from shared.mongo import Document
from tests.component.conftest import Plumbing, begin_here
from tests.component.consuming import record, send
from tests.component.profiles_kit import Network, Person, running
from tests.eventually import eventually

CLOCK = SystemClock()


@dataclass(frozen=True, slots=True)
class Scene:
    """Profiles with its relay, and a copy of its members as matching keeps it."""

    network: Network
    coordinator: Person
    home: str
    plumbing: Plumbing
    producer: AIOKafkaProducer
    uri: str
    bootstrap: str

    async def forge(self, member: str, sequence: int) -> None:
        state = MemberChanged(member=member, institution=self.home, status="active", capacity=50)
        await send(self.producer, [record(self.plumbing, state, self.home, sequence=sequence)])
        await self.until(member, capacity=50)

    async def until(self, member: str, **expected: Any) -> Document:
        async def is_so() -> Document | None:
            found = await self.plumbing.database[PARTICIPANTS].find_one({"_id": member})
            return found if found and {name: found.get(name) for name in expected} == expected else None

        found = await eventually(is_so, within=30, message=f"the copy of {member} has {expected}")
        assert found is not None
        return found

    async def supersede(self, *arguments: str) -> tuple[int, str]:
        published = {
            "PROFILES_MONGO_URI": self.uri,
            "PROFILES_MONGO_DATABASE": self.network.database.name,
            "PROFILES_KAFKA_BOOTSTRAP": self.bootstrap,
        }
        done = await asyncio.to_thread(CliRunner().invoke, app, list(arguments), env=published)
        return done.exit_code, done.output


@pytest.fixture
async def scene(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer, plumbing: Plumbing, producer: AIOKafkaProducer
) -> AsyncIterator[Scene]:
    await ProjectedDocuments(plumbing.database).prepare()
    await begin_here(kafka_bootstrap, f"{plumbing.consumers._service}.projection", *TOPICS)
    plumbing.consumers.projection(projection_handlers(ProjectedDocuments(plumbing.database)))
    await plumbing.consumers.start()
    async with running(mongo_uri, kafka_bootstrap, issuer, background={"relay": True}) as network:
        home = f"i-{CLOCK.new_id()}"
        coordinator = await network.institution(home)
        yield Scene(network, coordinator, home, plumbing, producer, mongo_uri, kafka_bootstrap)


async def test_a_plausible_forgery_is_superseded_and_genuine_changes_count_again(scene: Scene) -> None:
    member = await scene.network.member(scene.coordinator, "ada", capacity=2)
    id = member["id"]
    await scene.until(id, capacity=2)
    await scene.forge(id, 900_000)

    changed = await scene.coordinator.patch(f"/members/{id}", {"capacity": 3}, version=member["version"])
    assert changed.status_code == 200, changed.text
    seen = {"profiles.members": {f"{scene.home}:{id}": 900_000}}
    with capture_logs() as logs:
        await MongoStateRepository(scene.network.database, CLOCK, holder="test").republish(seen)
    assert [(log["event"], log["first"]) for log in logs if log["log_level"] == "error"] == [
        ("a topic is ahead of the store", [id])
    ]

    code, output = await scene.supersede("profiles.members", id, "--dry-run")
    assert (code, "900000" in output, "nothing is published" in output) == (0, True, True)
    code, output = await scene.supersede("profiles.members", id)
    assert (code, "published again" in output) == (0, True), output
    found = await scene.until(id, capacity=3)
    assert epoch_of(found["sequence"]) == 1

    now = (await scene.coordinator.get(f"/members/{id}")).json()
    changed = await scene.coordinator.patch(f"/members/{id}", {"capacity": 4}, version=now["version"])
    assert changed.status_code == 200, changed.text
    await scene.until(id, capacity=4)
    assert await scene.plumbing.parking.waiting() == []
    code, output = await scene.supersede("profiles.members", id)
    assert (code, "no higher sequence" in output) == (0, True)


async def test_an_erased_member_restored_by_a_forgery_is_erased_again(scene: Scene) -> None:
    id = (await scene.network.member(scene.coordinator, "ada"))["id"]
    await scene.coordinator.post(f"/members/{id}/erasure")
    past = {"$set": {"due_at": CLOCK.now() - timedelta(seconds=1)}}
    await scene.network.database["erasures"].update_many({"state": "waiting"}, past)
    await ErasureWorker(MongoErasureRepository(scene.network.database, CLOCK), CLOCK).work()
    await scene.until(id, erased=True)
    await scene.forge(id, 500)
    assert (await heads(scene.bootstrap, TOPICS, since=CLOCK.now() - timedelta(hours=1)))["profiles.members"]

    code, output = await scene.supersede("profiles.members", id)

    assert code == 0, output
    marker = await scene.until(id, erased=True)
    assert "capacity" not in marker


async def test_an_id_that_profiles_does_not_know_ends_the_command(scene: Scene) -> None:
    code, output = await scene.supersede("profiles.members", "nobody")
    assert (code, "profiles has no nobody" in output) == (1, True)
