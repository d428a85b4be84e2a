"""docs/events.md says what the contracts say."""

import ast
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from services.notifications.notifying.wiring import NOTIFYING
from shared.contracts.catalogue import COMPACTED, EVENTS, PRIVATE
from shared.contracts.envelope import Envelope, Trace, headers_of
from shared.contracts.export import ASYNCAPI, EVENTS_PAGE, GOLDEN, TOPICS
from shared.contracts.reference import READERS, renewed
from shared.contracts.schema import schemas
from shared.topics import load_topics

PAGE = EVENTS_PAGE.read_text(encoding="utf-8")
SERVICES = Path(__file__).parent.parent.parent / "services"


def test_the_generated_part_is_up_to_date() -> None:
    assert renewed(PAGE, topics_file=TOPICS, golden=GOLDEN) == PAGE, "python -m shared.contracts.export"


def test_an_outdated_page_is_noticed() -> None:
    assert renewed(PAGE.replace("`entered`", "`arrived`"), topics_file=TOPICS, golden=GOLDEN) == PAGE


@pytest.mark.parametrize("event_type", EVENTS)
def test_every_type_topic_and_field_is_named(event_type: str) -> None:
    section = PAGE.split(f"\n## {event_type.removeprefix('org.preceptor.')}\n")[1].split("\n## ")[0]
    assert f"`{EVENTS[event_type].TOPIC}`" in section
    for name in schemas()[event_type]["properties"]:
        assert f"| `{name}` |" in section
    assert ("Private" in section) == (EVENTS[event_type].TOPIC in PRIVATE)


def test_every_header_is_in_the_envelopes_table() -> None:
    envelope = Envelope(
        id="i",
        type=next(iter(EVENTS)),
        institution="n",
        subject="s",
        sequence=1,
        time=datetime(2027, 1, 1, tzinfo=UTC),
        trace=Trace(correlation_id="c", causation_id="d", traceparent="t"),
    )
    documented = dict(re.findall(r"^\| `([a-z_-]+)` \| (yes|no) \|", PAGE.split("## The envelope")[1], re.MULTILINE))
    assert set(headers_of(envelope)) == documented.keys()
    headers = yaml.safe_load(ASYNCAPI.read_text("utf-8"))["components"]["schemas"]["cloudEvent"]
    assert set(headers["properties"]) == documented.keys()
    assert set(headers["required"]) == {name for name, required in documented.items() if required == "yes"}


def test_every_reference_of_the_asyncapi_document_resolves() -> None:
    document = yaml.safe_load(ASYNCAPI.read_text("utf-8"))
    sent = [name for channel in document["channels"].values() for name in channel["messages"]]
    assert sorted(sent) == sorted(document["components"]["messages"]) == sorted(EVENTS)
    for message in document["components"]["messages"].values():
        assert (ASYNCAPI.parent / message["payload"]["$ref"]).resolve().is_file()


def test_every_topic_has_its_readers_and_its_cleanup() -> None:
    topics = load_topics(TOPICS)
    assert READERS.keys() == {topic.name for topic in topics} == {payload.TOPIC for payload in EVENTS.values()}
    assert {topic.name for topic in topics if topic.settings["cleanup.policy"] == "compact"} == COMPACTED


@pytest.mark.parametrize("service", ["profiles", "matching", "mentorships", "notifications"])
def test_every_documented_reader_subscribes_to_its_topic(service: str) -> None:
    """From the source; what is read after a restore is none."""
    by_name = {payload.__name__: payload.TOPIC for payload in EVENTS.values()}
    read = {
        by_name[name.id]
        for path in (SERVICES / service).rglob("*.py")
        if path.name != "restoring.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Dict)
        for name in node.keys
        if isinstance(name, ast.Name) and name.id in by_name
    }
    if service == "notifications":
        read |= {event.TOPIC for event in NOTIFYING}
    named = {topic for topic, readers in READERS.items() if re.search(rf"\b{service}\b(?! itself)", readers)}
    assert read == named
