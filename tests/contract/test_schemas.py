"""The committed schemas are today's, and today's keep every promise made before."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from shared.contracts.catalogue import EVENTS
from shared.contracts.compatibility import breaks
from shared.contracts.export import incompatible, main
from shared.contracts.schema import FOLDER, Schema, binding, published, schemas, text

MEMBER = "org.preceptor.profiles.member.changed.v1"


def test_the_committed_schemas_match_todays_models() -> None:
    committed = {path.stem: path.read_text("utf-8") for path in FOLDER.glob("*.json")}
    assert committed == {name: text(schema) for name, schema in schemas().items()}, "python -m shared.contracts.export"


def test_no_generated_file_is_outdated() -> None:
    assert main(["--check"]) == 0


@pytest.mark.parametrize("event_type", EVENTS)
def test_each_committed_schema_file_is_valid(event_type: str) -> None:
    for committed in (FOLDER / f"{event_type}.json", *(FOLDER / "history").glob(f"**/{event_type}*.json")):
        Draft202012Validator.check_schema(json.loads(committed.read_text("utf-8")))


def test_todays_schemas_are_compatible_with_every_earlier_schema() -> None:
    assert incompatible(schemas()) == []


@pytest.mark.parametrize("event_type", EVENTS)
def test_the_latest_published_schema_is_todays(event_type: str) -> None:
    *_, (_, last) = published(event_type)
    assert last == binding(schemas()[event_type])


def doctored(change: Callable[[Any], object]) -> list[str]:
    old = schemas()[MEMBER]
    new = copy.deepcopy(old)
    change(new)
    return breaks(old, new)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s["properties"].pop("status") and s["required"].remove("status"), ".status: gone"),
        (lambda s: s["required"].remove("status"), ".status: optional now"),
        (lambda s: s["required"].append("capacity"), ".capacity: required now"),
        (lambda s: s["properties"]["capacity"].update(type="string"), ".capacity: type was integer and is string"),
        (lambda s: s["properties"]["status"]["enum"].remove("inactive"), ".status: the value inactive is gone"),
        (lambda s: s["properties"]["status"]["enum"].append("asleep"), ".status: the value asleep is new"),
        (lambda s: s["properties"]["stage"]["anyOf"][0]["enum"].remove("fellow"), ".stage: the value fellow is gone"),
        (lambda s: s["properties"]["stage"]["anyOf"].pop(), ".stage: anyOf was"),
        (lambda s: s["properties"]["formats"]["items"]["enum"].remove("phone"), ".formats[]: the value phone is gone"),
        (lambda s: s["$defs"]["Enrolment"]["required"].remove("roles"), ".enrolments[].roles: optional now"),
        (lambda s: s["properties"]["member"].update(maxLength=36), ".member: maxLength was 128 and is 36"),
        (lambda s: s["properties"]["paused"].update(default=True), ".paused: default was False and is True"),
        (lambda s: s.update({"x-key": "<member>"}), "(root): x-key was"),
        (lambda s: s.update({"x-topic": "elsewhere"}), "(root): x-topic was"),
    ],
)
def test_an_incompatible_change_is_reported_with_its_place(change: Callable[[Any], object], message: str) -> None:
    found = doctored(change)
    assert found
    assert message in found[0]


@pytest.mark.parametrize(
    "change",
    [
        lambda s: s["properties"].update(pager={"type": "string", "default": ""}),
        lambda s: s["properties"].pop("style"),
        lambda s: s["properties"]["capacity"].update(description="other words", title="other"),
        lambda s: s["$defs"]["Enrolment"]["properties"].update(since={"type": "string", "default": ""}),
    ],
)
def test_optional_fields_and_enum_values_may_come_and_go(change: Callable[[Any], object]) -> None:
    assert doctored(change) == []


def test_a_nested_model_may_be_renamed() -> None:
    old = schemas()[MEMBER]
    assert breaks(old, json.loads(json.dumps(old).replace("Enrolment", "Membership"))) == []


def written(history: Path, *forms: Schema) -> Path:
    for number, form in enumerate(forms, 1):
        path = history / MEMBER / f"{number:04}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(binding(form)), encoding="utf-8")
    return history


def test_a_removed_field_cannot_come_back_with_another_type(tmp_path: Path) -> None:
    """Each step alone is compatible; the third is incompatible with the first."""
    now = schemas()[MEMBER]
    with_pager, back = copy.deepcopy(now), copy.deepcopy(now)
    with_pager["properties"]["pager"] = {"type": "string", "default": ""}
    back["properties"]["pager"] = {"type": "integer", "default": 0}
    history = written(tmp_path, with_pager, now)
    assert breaks(now, back) == []
    assert incompatible({MEMBER: now}, history=history) == []
    assert any("0001.json" in violation for violation in incompatible({MEMBER: back}, history=history))


def test_a_type_that_was_published_cannot_vanish(tmp_path: Path) -> None:
    history = written(tmp_path, schemas()[MEMBER])
    assert incompatible({}, history=history) == [f"{MEMBER}: was published, and is gone"]
