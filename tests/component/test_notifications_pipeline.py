"""From Kafka to the inbox and on to Kafka, on real servers; and the process as an operator starts it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from deploy.issuer import ISSUER, LocalIssuer
from services.notifications.settings import NotificationsSettings
from shared import kafka
from shared.auth import subject_hash
from shared.contracts.envelope import headers_of
from shared.contracts.notifications import NotificationRecorded
from shared.contracts.payload import Payload
from shared.contracts.profiles import ContactChanged, ProgrammeChanged
from tests.component.conftest import begin_here
from tests.component.notifications_kit import Notifications, event, serving, settings
from tests.eventually import eventually

PROJECTED = ("profiles.contacts", "profiles.institutions", "profiles.programmes")
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
async def running(mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer) -> AsyncIterator[Notifications]:
    await begin_here(kafka_bootstrap, "notifications.projection", *PROJECTED)
    await begin_here(kafka_bootstrap, "notifications.reaction", "matching.events")
    wanted = settings(mongo_uri, kafka_bootstrap, issuer)
    async with serving(wanted, issuer, "api", "consumer", "relay", "clockwork") as notifications:
        yield notifications


@pytest.fixture
async def producer(kafka_bootstrap: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = kafka.producer(kafka_bootstrap)
    await producer.start()
    yield producer
    await producer.stop()


@pytest.fixture
def member(running: Notifications) -> str:
    return f"m-{running.clock.new_id()}"


async def publish(
    running: Notifications,
    producer: AIOKafkaProducer,
    payload: Payload,
    *,
    sequence: int,
    times: int = 1,
    broken: bool = False,
) -> None:
    envelope = running.received(payload, "north", sequence=sequence).envelope
    for _ in range(times):
        await producer.send_and_wait(
            payload.TOPIC,
            key=envelope.key.encode(),
            value=b"{" if broken else payload.model_dump_json().encode(),
            headers=[(name, text.encode()) for name, text in headers_of(envelope).items()],
        )


def contact(member: str) -> ContactChanged:
    return ContactChanged(
        member=member,
        institution="north",
        name=f"Dr {member}",
        email="someone@example.org",
        subject_hash=subject_hash(ISSUER, member),
    )


async def test_an_event_from_matching_reaches_the_inbox_and_is_published_in_turn(
    running: Notifications, producer: AIOKafkaProducer, kafka_bootstrap: str, member: str
) -> None:
    consumer = AIOKafkaConsumer(
        NotificationRecorded.TOPIC, bootstrap_servers=kafka_bootstrap, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        await publish(running, producer, contact(member), sequence=1)
        await publish(running, producer, event(member), sequence=1)
        async with asyncio.timeout(20):
            async for record in consumer:
                published = json.loads(record.value)
                if published["member"] == member:
                    break
    finally:
        await consumer.stop()
    assert (published["position"], published["template"]) == (1, "suggestions-changed")
    assert dict(record.headers)["ce_type"].decode() == NotificationRecorded.TYPE
    await eventually(lambda: knows(running, member), message="the contact is projected")
    assert (await running.inbox(member))["items"][0]["id"] == published["notification"]


async def knows(running: Notifications, member: str) -> bool:
    return (await running.http.get("/inbox", headers=running.headers(member))).status_code == 200


async def inbox_of(running: Notifications, member: str, *, position: int) -> bool:
    return await knows(running, member) and (await running.inbox(member))["position"] >= position


async def test_a_redelivered_record_sends_no_second_notification(
    running: Notifications, producer: AIOKafkaProducer, member: str
) -> None:
    await publish(running, producer, contact(member), sequence=1)
    await publish(running, producer, event(member), sequence=1, times=3)
    await publish(running, producer, event(member, programme="last"), sequence=1)
    await eventually(lambda: inbox_of(running, member, position=2), message="both are notified")
    page = await running.inbox(member)
    assert [(item["programme"], item["position"]) for item in reversed(page["items"])] in (
        [("residency", 1), ("last", 2)],
        [("last", 1), ("residency", 2)],  # records of two keys
    )


async def test_a_broken_record_delays_no_other_persons_notification(
    running: Notifications, producer: AIOKafkaProducer, member: str
) -> None:
    await publish(running, producer, event(f"{member}-broken"), sequence=1, broken=True)
    await publish(running, producer, contact(member), sequence=1)
    await publish(running, producer, event(member), sequence=1)
    await eventually(lambda: inbox_of(running, member, position=1), message="the next key is notified")
    parked = await running.database["parked"].find_one({"key": f"north:residency.{member}-broken".encode()})
    assert parked is not None
    assert parked["reason"] == "malformed"


async def test_many_events_of_one_person_at_once_each_take_a_position(
    running: Notifications, producer: AIOKafkaProducer, member: str
) -> None:
    """Twelve keys run concurrently and meet at one counter."""
    await publish(running, producer, contact(member), sequence=1)
    for number in range(12):
        await publish(running, producer, event(member, programme=f"p{number}"), sequence=1)
    await eventually(lambda: inbox_of(running, member, position=12), message="all are notified")
    page = await running.inbox(member)
    assert [item["position"] for item in page["items"]] == list(range(12, 0, -1))


async def test_a_programmes_new_name_shows_in_earlier_notifications(
    running: Notifications, producer: AIOKafkaProducer, member: str
) -> None:
    programme = f"p-{member}"
    await publish(running, producer, contact(member), sequence=1)
    await publish(running, producer, event(member, programme=programme), sequence=1)
    await eventually(lambda: inbox_of(running, member, position=1))
    named = ProgrammeChanged(
        programme=programme, institution="north", name="Fellowship", status="active", admits=("north",), weights={}
    )
    await publish(running, producer, named, sequence=1)

    async def shows() -> bool:
        return "in Fellowship" in (await running.inbox(member))["items"][0]["title"]

    await eventually(shows, message="the programme's name is projected")


async def test_a_process_with_an_open_stream_stops_cleanly_and_is_small(
    mongo_uri: str, kafka_bootstrap: str, issuer: LocalIssuer, running: Notifications
) -> None:
    wanted = settings(mongo_uri, kafka_bootstrap, issuer)
    process = start(wanted, mongo_uri)
    base = f"http://{wanted.http_host}:{wanted.http_port}"
    try:
        async with httpx.AsyncClient(base_url=base, timeout=10) as client:
            await eventually(lambda: is_ready(client), within=30, message="the process is ready")
            assert resident_megabytes(process.pid) <= 130
            elsewhere = Notifications(
                client,
                issuer,
                running.database.client[wanted.mongo_database],
                running.clock,
                running.contacts,
                running.erasures,
            )
            await elsewhere.database["contacts"].insert_one(
                {"_id": "mia", "institution": "north", "subject_hash": subject_hash(ISSUER, "mia"), "locale": "en"}
            )
            async with elsewhere.stream("mia") as stream:
                process.send_signal(signal.SIGTERM)
                await stream.rest()
        await eventually(lambda: process.poll() is not None, within=60, message="the process ends")
        assert process.returncode in {0, -signal.SIGTERM}
    finally:
        process.kill()
        output = (process.communicate()[0] or b"").decode()
        await running.database.client.drop_database(wanted.mongo_database)
    assert "Traceback" not in output, output


async def is_ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/health/ready")).status_code == 200
    except httpx.TransportError:
        return False


def start(wanted: NotificationsSettings, mongo_uri: str) -> "subprocess.Popen[bytes]":
    published = {
        "ENVIRONMENT": "development",
        "MONGO_URI": mongo_uri,
        "MONGO_DATABASE": wanted.mongo_database,
        "KAFKA_BOOTSTRAP": wanted.kafka_bootstrap,
        "ISSUERS_FILE": str(wanted.issuers_file),
        "TOPICS_SIZE": "native",
        "HTTP_PORT": str(wanted.http_port),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "services.notifications", "api", "relay", "clockwork"],
        env=os.environ | {f"NOTIFICATIONS_{name}": value for name, value in published.items()},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def resident_megabytes(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    print(line)
    return int(line.split()[1]) / 1024
