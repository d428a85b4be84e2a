"""Forged records on topics of states: parked, without effect, and the honest records behind them are applied."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from services.matching.projections.handlers import projection_handlers
from services.matching.projections.repository import PARTICIPANTS, PREFERENCES, ProjectedDocuments
from services.mentorships.projections.repository import ASSESSMENTS, PEOPLE, MongoProjections
from services.notifications.privacy.repository import MongoErasureRepository
from shared.contracts.matching import AssessmentChanged
from shared.contracts.payload import Payload
from shared.contracts.profiles import (
    ContactChanged,
    MemberChanged,
    MemberErased,
    MentoringProfileChanged,
    PreferencesChanged,
)
from shared.epochs import raised
from shared.mongo import Document
from shared.topics import NATIVE, load_topics
from tests.component.conftest import Plumbing, begin_here
from tests.component.consuming import record, send
from tests.component.matching_kit import mentor
from tests.conftest import TOPICS
from tests.eventually import eventually

PROJECTED = [
    topic.name
    for topic in load_topics(TOPICS, size=NATIVE)
    if topic.name.startswith("profiles.") or topic.name == AssessmentChanged.TOPIC
]


@dataclass(frozen=True, slots=True)
class Scene:
    """Ana of `home`, whose true state is in the copies at sequence 3; records are sent over Kafka."""

    plumbing: Plumbing
    producer: AIOKafkaProducer
    home: str

    @property
    def elsewhere(self) -> str:
        return f"{self.home}-x"

    @property
    def ana(self) -> str:
        return f"ana-{self.home}"

    def member(self, institution: str = "", *, id: str = "", capacity: int = 3) -> MemberChanged:
        return mentor(id or self.ana, institution or self.home, capacity=capacity)

    def honest(self, sequence: int) -> dict[str, Any]:
        """Its capacity is its sequence."""
        return record(self.plumbing, self.member(capacity=sequence), self.home, sequence=sequence)

    def of(self, payload: Payload, institution: str = "", **changed: Any) -> dict[str, Any]:
        return record(self.plumbing, payload, institution or self.home, **changed)

    async def send(self, *records: dict[str, Any]) -> None:
        await send(self.producer, records)

    async def copy(self, id: str = "", collection: str = PARTICIPANTS) -> Document | None:
        return await self.plumbing.database[collection].find_one({"_id": id or self.ana})

    async def until_at(self, sequence: int) -> None:
        async def is_there() -> bool:
            found = await self.copy()
            return found is not None and found["sequence"] == sequence

        await eventually(is_there, within=20, message=f"ana's copy is at {sequence}")

    async def parked(self) -> Sequence[str]:
        return [parked.reason for parked in await self.plumbing.parking.waiting()]

    async def until_parked(self, *reasons: str) -> None:
        async def are_parked() -> bool:
            seen = sorted(await self.parked())
            assert seen == sorted(reasons)
            return True

        await eventually(are_parked, within=20, message=f"{reasons} are parked")


@pytest.fixture
async def scene(plumbing: Plumbing, producer: AIOKafkaProducer, kafka_bootstrap: str, tenant: str) -> Scene:
    database = plumbing.database
    await ProjectedDocuments(database).prepare()
    notifications = MongoErasureRepository(database)
    group = f"{plumbing.consumers._service}.projection"
    await begin_here(kafka_bootstrap, group, *PROJECTED)
    copies = projection_handlers(ProjectedDocuments(database))
    people = MongoProjections(database)
    await people.prepare()
    plumbing.consumers.projection(
        {
            **copies,
            ContactChanged: notifications.fold_contacts,
            MentoringProfileChanged: people.fold_people,
            AssessmentChanged: people.fold_assessments,
        }
    )
    await plumbing.consumers.start()
    scene = Scene(plumbing, producer, tenant)
    await scene.send(scene.honest(3))
    await scene.until_at(3)
    return scene


def members_key(institution: str, id: str) -> bytes:
    return f"{institution}:{id}".encode()


def forged_by_another_institution(scene: Scene) -> tuple[list[dict[str, Any]], list[str]]:
    """Each agrees with itself; what is stored says otherwise."""
    erased = MemberErased(
        member=scene.ana,
        institution=scene.elsewhere,
        erasure=f"e-{scene.ana}",
        members_sequence=9,
        preferences_sequence=9,
        contacts_sequence=9,
    )
    records = [
        scene.of(scene.member(scene.elsewhere), scene.elsewhere, sequence=4),
        scene.of(scene.member(scene.elsewhere), scene.elsewhere, sequence=4, value=None),
        scene.of(erased, scene.elsewhere),
    ]
    return records, ["another_institution"] * len(records)


def forged_against_itself(scene: Scene) -> tuple[list[dict[str, Any]], list[str]]:
    """Key, headers and payload name different institutions or members."""
    home, elsewhere, ana = scene.home, scene.elsewhere, scene.ana
    theirs = scene.of(scene.member(elsewhere), elsewhere, sequence=4)["value"]
    another = scene.of(scene.member(id=f"ben-{home}"), sequence=4)["value"]
    records = [
        scene.of(scene.member(), sequence=4, key=members_key(elsewhere, ana)),
        scene.of(scene.member(), sequence=4, headers={"ce_institution": elsewhere}),
        scene.of(scene.member(), sequence=4, headers={"ce_partitionkey": f"{elsewhere}:{ana}"}),
        scene.of(scene.member(), sequence=4, headers={"ce_source": f"/institutions/{elsewhere}/profiles"}),
        scene.of(scene.member(), sequence=4, value=theirs),
        scene.of(scene.member(), sequence=4, value=another),
        scene.of(scene.member(elsewhere), elsewhere, sequence=4, key=members_key(home, ana)),
    ]
    return records, ["bad_attributes"] * len(records)


def forged_sequences(scene: Scene) -> tuple[list[dict[str, Any]], list[str]]:
    jumps = [1_000_004, 10**12 - 1, raised(4, 9), raised(4, 8_000)]
    records = [scene.of(scene.member(), sequence=sequence) for sequence in jumps]
    records.append(scene.of(scene.member(), sequence=1_000_004, value=None))
    reasons = ["implausible_sequence"] * len(records)
    beyond = [scene.of(scene.member(), headers={"ce_sequence": text}) for text in ("9" * 18, str(2**53), "-1")]
    return [*records, *beyond], [*reasons, *["bad_attributes"] * len(beyond)]


FORGERIES = [forged_by_another_institution, forged_against_itself, forged_sequences]


@pytest.mark.parametrize("forgeries", FORGERIES, ids=lambda forgery: forgery.__name__)
async def test_a_forged_record_is_parked_changes_nothing_and_holds_up_nothing(scene: Scene, forgeries: Any) -> None:
    before = await scene.copy()
    records, reasons = forgeries(scene)
    await scene.send(*records)
    await scene.until_parked(*reasons)
    assert await scene.copy() == before
    assert await scene.plumbing.database["departures"].count_documents({}) == 0
    await scene.send(scene.honest(4))
    await scene.until_at(4)
    assert (await scene.copy() or {})["capacity"] == 4


async def test_parked_forgeries_are_measured_by_reason_until_they_are_dropped(scene: Scene) -> None:
    plumbing, consumer = scene.plumbing, f"{scene.plumbing.consumers._service}.projection"

    async def measured() -> list[float | None]:
        await plumbing.consumers.retry_due()
        labels = [
            {"consumer": consumer, "reason": reason} for reason in ("another_institution", "implausible_sequence")
        ]
        return [plumbing.metrics.registry.get_sample_value("preceptor_parked_records", label) for label in labels]

    assert await measured() == [None, None]
    theirs = scene.of(scene.member(scene.elsewhere), scene.elsewhere, sequence=4)
    await scene.send(theirs)
    await scene.until_parked("another_institution")  # in one batch the newer of two states of a key hides the older
    await scene.send(scene.of(scene.member(), sequence=1_000_004), theirs | {"value": None})
    await scene.until_parked("another_institution", "another_institution", "implausible_sequence")
    assert await measured() == [2, 1]
    for parked in await plumbing.parking.waiting():
        assert await plumbing.parking.drop(parked, now=plumbing.now())
    assert await measured() == [0, 0]


@pytest.mark.parametrize("forgeries", FORGERIES, ids=lambda forgery: forgery.__name__)
async def test_a_forged_record_hides_no_genuine_record_of_its_batch(scene: Scene, forgeries: Any) -> None:
    records, reasons = forgeries(scene)
    waiting = [scene.producer.send(**record) for record in (scene.honest(4), *records, scene.honest(5))]
    for metadata in [await sent for sent in waiting]:
        await metadata
    await scene.until_at(5)
    await scene.until_parked(*reasons)


@pytest.mark.parametrize("collection", [PREFERENCES, "contacts", PEOPLE, ASSESSMENTS])
async def test_records_of_private_topics_are_checked_for_forgery_too(scene: Scene, collection: str) -> None:
    def state(institution: str) -> Payload:
        if collection == PREFERENCES:
            return PreferencesChanged(member=scene.ana, institution=institution)
        if collection == ASSESSMENTS:
            return AssessmentChanged(
                assessment=scene.ana, institution=institution, assessor="mara", assessed="ana", counts=True
            )
        if collection == PEOPLE:
            return MentoringProfileChanged(member=scene.ana, institution=institution, name="Ana")
        return ContactChanged(member=scene.ana, institution=institution, name="Ana", email="ana@example.org")

    async def is_at(sequence: int) -> bool:
        return ((await scene.copy(collection=collection)) or {}).get("sequence") == sequence

    await scene.send(scene.of(state(scene.home), sequence=3))
    await eventually(lambda: is_at(3), within=20, message="the honest state")
    before = await scene.copy(collection=collection)
    theirs = scene.of(state(scene.elsewhere), scene.elsewhere, sequence=4)
    await scene.send(theirs)
    await scene.until_parked("another_institution")  # in one batch the newer of two states of a key hides the older
    await scene.send(theirs | {"value": None}, scene.of(state(scene.home), sequence=1_000_004))
    await scene.until_parked("another_institution", "another_institution", "implausible_sequence")
    assert await scene.copy(collection=collection) == before
    await scene.send(scene.of(state(scene.home), sequence=4))
    await eventually(lambda: is_at(4), within=20, message="the next honest state")
