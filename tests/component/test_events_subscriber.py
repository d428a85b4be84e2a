"""The subscribers that README.md and docs/events.md show to a stranger, run as they stand against a real Kafka."""

import asyncio
import json
import os
import re
import sys
import textwrap
from pathlib import Path

import pytest

from shared import kafka
from shared.clock import SystemClock
from shared.contracts.export import EVENTS_PAGE
from shared.contracts.matching import SuggestionsChanged
from tests.contract.golden import golden
from tests.eventually import eventually

(LINES,) = re.findall(r"```python subscriber\n(.*?)```", EVENTS_PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_example_subscriber_is_short_and_imports_nothing_of_the_project() -> None:
    assert len(LINES.strip().splitlines()) <= 32
    assert re.findall(r"^(?:from|import) (\S+)", LINES, re.MULTILINE) == ["asyncio,", "aiokafka"]


async def test_the_example_subscriber_gets_changed_lists_and_survives_a_broken_record(
    kafka_bootstrap: str, tmp_path: Path
) -> None:
    program, received = tmp_path / "subscriber.py", tmp_path / "heard.txt"
    program.write_text(LINES, encoding="utf-8")
    event, first, last = golden(SuggestionsChanged.TYPE), SystemClock().new_id(), SystemClock().new_id()
    producer = kafka.producer(kafka_bootstrap)
    await producer.start()
    try:
        for id, value in ((first, event.value), ("broken", b"{"), ("erased", None), (last, event.value)):
            headers = event.headers | {"ce_id": id.encode()}
            await producer.send_and_wait(event.topic, key=event.key, value=value, headers=list(headers.items()))
    finally:
        await producer.stop()
    with received.open("wb") as output:
        environment = os.environ | {"KAFKA_BOOTSTRAP": kafka_bootstrap}
        process = await asyncio.create_subprocess_exec(
            sys.executable, program, stdout=output, stderr=output, env=environment
        )
    try:
        await eventually(
            lambda: last in received.read_text("utf-8"), within=20, message="the stranger hears the last one"
        )
    finally:
        process.kill()
        await process.wait()
    text = received.read_text("utf-8")
    assert "set aside: matching.events" in text
    mia, ada, far = (f"01977c1e-8a00-7000-8000-0000000000{n}" for n in ("01", "02", "04"))
    assert f"{first} {mia} ['{ada}', '{far}']" in text
    assert text.index(first) < text.index(last)


@pytest.mark.parametrize("forbidden", ["enable_auto_commit=True", "latest"])
def test_the_example_subscriber_uses_no_setting_that_loses_records(forbidden: str) -> None:
    assert forbidden not in LINES


_README = Path(__file__).parents[2] / "README.md"
_AROUND = """
import asyncio, json, os
from aiokafka import AIOKafkaConsumer

async def main(address):
{lines}

asyncio.run(main(os.environ["KAFKA_BOOTSTRAP"]))
"""


async def test_the_subscriber_of_the_readme_gets_a_changed_list(kafka_bootstrap: str, tmp_path: Path) -> None:
    (lines,) = re.findall(r"```python\n(.*?)```", _README.read_text(encoding="utf-8"), re.DOTALL)
    program = tmp_path / "subscriber.py"
    program.write_text(_AROUND.format(lines=textwrap.indent(lines, "    ")), encoding="utf-8")
    event = golden(SuggestionsChanged.TYPE)
    headers = list(event.headers.items())
    subscriber = await asyncio.create_subprocess_exec(
        *(sys.executable, "-u", str(program)),
        env=os.environ | {"KAFKA_BOOTSTRAP": kafka_bootstrap},
        stdout=asyncio.subprocess.PIPE,
    )
    assert subscriber.stdout is not None
    next_line = asyncio.create_task(subscriber.stdout.readline())
    producer = kafka.producer(kafka_bootstrap)
    await producer.start()
    try:
        # It reads what comes after it has joined, so the event is sent until it answers.
        while not next_line.done():
            await producer.send_and_wait(event.topic, key=event.key, value=event.value, headers=headers)
            await asyncio.wait([next_line], timeout=0.5)
    finally:
        await producer.stop()
        subscriber.kill()
        await subscriber.wait()
    assert (await next_line).decode() == f"{json.loads(event.value)['mentee']} has a new list of mentors\n"
