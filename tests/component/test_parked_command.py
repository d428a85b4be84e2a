"""The operator's command for parked records, run as operators run it, on a real MongoDB."""

import asyncio
import os
import pwd
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from deploy.parked import app
from shared import mongo
from shared.clock import SystemClock
from shared.consuming import inbox
from shared.consuming.parking import Parking, ParkReason, ParkRequest
from shared.contracts.dead_letters import NotificationsRecordParked
from shared.mongo import Database, Document
from shared.outbox import table as outbox
from tests.component.consuming import Sent

ROOT = Path(__file__).parents[2]
PERSON = b"01977c1e-person"
EMAIL = b"grace.hopper@example.org"


def sent(topic: str, offset: int, key: bytes | None = b"charite:" + PERSON, **changed: Any) -> Sent:
    headers = [("ce_type", b"org.preceptor.x.v1"), ("ce_subject", PERSON), ("ce_institution", b"charite")]
    return Sent(**{"topic": topic, "offset": offset, "key": key, "value": EMAIL, "headers": headers, **changed})


@dataclass(frozen=True, slots=True)
class ParkedRecords:
    uri: str
    database: Database
    parking: Parking

    async def park(self, id: str, record: Sent, reason: str = "handler_refused", *, blocks: bool = True) -> str:
        cause = ParkReason(reason, "why")
        at = SystemClock().now()
        request = ParkRequest(record=record, cause=cause, id=id, blocks=blocks)
        await self.parking.park([request], consumer="notifications.x", now=at)
        return id

    async def run(self, *arguments: str, **environment: str) -> tuple[int, str]:
        """An empty variable is one that is not set."""
        variables = {
            "NOTIFICATIONS_MONGO_URI": self.uri,
            "NOTIFICATIONS_MONGO_DATABASE": self.database.name,
            **environment,
        }
        whole = {name: value or None for name, value in variables.items()}
        done = await asyncio.to_thread(CliRunner().invoke, app, list(arguments), env=whole)
        return done.exit_code, done.output

    async def audit(self) -> list[Document]:
        return await self.database["audit"].find().sort("_id").to_list(None)


@pytest.fixture
async def records(mongo_uri: str) -> AsyncIterator[ParkedRecords]:
    database = mongo.connect(mongo_uri, f"parked_{SystemClock().new_id()}")
    parking = Parking(database, dead_letter=NotificationsRecordParked)
    await outbox.prepare(database)
    await inbox.prepare(database)
    await parking.prepare()
    yield ParkedRecords(mongo_uri, database, parking)
    await database.client.drop_database(database.name)
    database.client.close()


async def test_parked_records_are_listed_with_those_waiting_behind_them(records: ParkedRecords) -> None:
    assert await records.run("list", "notifications") == (0, "nothing is parked\n")
    await records.park("first", sent("matching.events", 7))
    await records.park("second", sent("matching.events", 8), "behind_parked")
    await records.park("odd", sent("profiles.contacts", 9, key=None), "malformed", blocks=False)
    status, output = await records.run("list", "notifications")
    rows = {line.split()[1]: line for line in output.splitlines() if "notifications.x" in line}
    assert status == 0
    assert list(rows) == ["odd", "first", "second"]
    assert "matching.events/3/7" in rows["first"]
    assert [rows[id].split("│")[-2].strip() for id in ("first", "second", "odd")] == ["1", "0", "0"]
    assert PERSON.decode() not in output
    assert EMAIL.decode() not in output


async def test_a_record_is_shown_without_its_value_and_of_a_private_topic_without_its_person(
    records: ParkedRecords,
) -> None:
    await records.park("fact", sent("matching.events", 1))
    await records.park("contact", sent("profiles.contacts", 1), blocks=False)
    _, fact = await records.run("show", "notifications", "fact")
    assert f"ce_subject: {PERSON.decode()}" in fact
    assert EMAIL.decode() not in fact
    _, contact = await records.run("show", "notifications", "contact")
    assert "ce_type: org.preceptor.x.v1" in contact
    assert PERSON.decode() not in contact
    assert EMAIL.decode() not in contact
    _, revealed = await records.run("show", "notifications", "contact", "--reveal")
    assert f"ce_subject: {PERSON.decode()}" in revealed
    assert f"value: {EMAIL.decode()}" in revealed


async def test_control_characters_of_a_record_do_not_reach_the_terminal(records: ParkedRecords) -> None:
    value = b"\x1b]0;gone\x07\x1b[2J[bold]x\xff\r"
    await records.park("odd", sent("matching.events", 1, value=value, headers=[("x\x1b", value), ("null", None)]))
    status, output = await records.run("show", "notifications", "odd", "--reveal")
    assert status == 0
    assert "\x1b" not in output
    assert "\r" not in output
    assert "\\x1b]0;gone\\x07\\x1b[2J[bold]x\\xff\\r" in output


async def test_a_retry_makes_the_first_record_of_a_key_due_and_explains_the_next_step(records: ParkedRecords) -> None:
    await records.park("first", sent("matching.events", 7))
    await records.park("second", sent("matching.events", 8), "behind_parked")
    status, output = await records.run("retry", "notifications", "first", "--dry-run")
    assert (status, "would" in output, "the 1 behind it" in output) == (0, True, True)
    assert await records.parking.heads("notifications.x", now=SystemClock().now()) == []
    status, output = await records.run("retry", "notifications", "first")
    assert (status, "within seconds" in output) == (0, True)
    assert await records.parking.heads("notifications.x", now=SystemClock().now()) == [b"charite:" + PERSON]


async def test_a_record_that_cannot_be_retried_is_refused_with_the_reason(records: ParkedRecords) -> None:
    await records.park("first", sent("matching.events", 7))
    await records.park("second", sent("matching.events", 8), "behind_parked")
    await records.park("odd", sent("profiles.contacts", 9), "malformed", blocks=False)
    for id, why in {"second": "waits behind first", "odd": "blocks no key", "gone": "handled already"}.items():
        status, output = await records.run("retry", "notifications", id)
        assert (status, why in output) == (1, True), output
    assert await records.parking.heads("notifications.x", now=SystemClock().now()) == []


async def test_every_action_is_recorded_with_operator_and_time(records: ParkedRecords) -> None:
    await records.park("one", sent("profiles.contacts", 1))
    before = SystemClock().now()
    for act in (
        ["list"],
        ["show", "one"],
        ["show", "one", "--reveal"],
        ["retry", "one", "--dry-run"],
        ["retry", "one"],
    ):
        assert (await records.run(act[0], "notifications", *act[1:], USER="somebody-else"))[0] == 0
    acts = await records.audit()
    actions = ["list", "show", "reveal", "retry --dry-run", "retry"]
    assert [act["what"] for act in acts] == [f"parked {what}" for what in actions]
    assert [act["id"] for act in acts] == [None, "one", "one", "one", "one"]
    assert {act["who"] for act in acts} == {pwd.getpwuid(os.getuid()).pw_name}
    assert all(act["when"] >= before for act in acts)


async def test_it_runs_as_in_a_container_where_credentials_come_as_a_file(
    records: ParkedRecords, tmp_path: Path
) -> None:
    file = tmp_path / "mongo_uri"
    file.write_text(records.uri + "\n")
    environment = {"NOTIFICATIONS_MONGO_URI_FILE": str(file), "NOTIFICATIONS_MONGO_DATABASE": records.database.name}
    command = [sys.executable, "-m", "deploy.parked", "list", "notifications"]
    output = await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (output.returncode, output.stdout, output.stderr) == (0, "nothing is parked\n", "")


async def test_configuration_errors_are_one_line_without_the_password(records: ParkedRecords) -> None:
    away = "mongodb://root:hunter2@127.0.0.1:1/?serverSelectionTimeoutMS=200&connectTimeoutMS=200"
    for arguments, environment in (
        (["list", "payroll"], {}),
        (["list", "notifications"], {"NOTIFICATIONS_MONGO_URI": ""}),
        (["list", "notifications"], {"NOTIFICATIONS_MONGO_URI": "hunter2"}),
        (["list", "notifications"], {"NOTIFICATIONS_MONGO_URI": away}),
    ):
        status, output = await records.run(*arguments, **environment)
        assert (status, len(output.splitlines())) == (1, 1), output
        assert "hunter2" not in output


async def test_a_dropped_record_is_gone_for_good_and_what_waits_behind_it_is_next(records: ParkedRecords) -> None:
    headers = [("ce_type", b"org.preceptor.x.v1"), ("ce_id", b"fact-7")]
    await records.park("first", sent("matching.events", 7, headers=headers))
    await records.park("second", sent("matching.events", 8), "behind_parked")
    status, output = await records.run("drop", "notifications", "first", "--reason", "sent by mistake", "--dry-run")
    assert (status, "would drop first" in output, "the 1 behind it" in output) == (0, True, True)
    assert [record.id for record in await records.parking.waiting()] == ["first", "second"]

    assert (await records.run("drop", "notifications", "first", "--reason", "sent by mistake"))[0] == 0
    assert [record.id for record in await records.parking.waiting()] == ["second"]
    assert await records.parking.heads("notifications.x", now=SystemClock().now()) == [b"charite:" + PERSON]
    assert await inbox.handled(records.database, consumer="notifications.x", events=["fact-7"]) == {"fact-7"}
    acts = [(act["what"], act["id"], act["reason"]) for act in await records.audit()]
    assert acts == [(f"parked drop{how}", "first", "sent by mistake") for how in (" --dry-run", "")]


async def test_a_record_that_cannot_be_dropped_is_refused_with_the_reason(records: ParkedRecords) -> None:
    await records.park("first", sent("matching.events", 7))
    await records.park("second", sent("matching.events", 8), "behind_parked")
    for (id, reason), why in {
        ("second", "x"): "waits behind first",
        ("gone", "x"): "handled already",
        ("first", " "): "add --reason TEXT",
    }.items():
        status, output = await records.run("drop", "notifications", id, "--reason", reason)
        assert (status, why in output) == (1, True), output
    assert (await records.run("drop", "notifications", "first"))[0] == 2, "a reason is no option"
    assert [record.id for record in await records.parking.waiting()] == ["first", "second"]


async def test_a_record_that_holds_nothing_up_can_be_dropped_too(records: ParkedRecords) -> None:
    await records.park("odd", sent("profiles.contacts", 9, key=None), "malformed", blocks=False)
    assert (await records.run("drop", "notifications", "odd", "--reason", "superseded"))[0] == 0
    assert await records.parking.waiting() == []
