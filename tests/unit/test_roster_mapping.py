"""A mapping says which column means what, or is refused with every wrong place."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from services.profiles.members.domain.profile import Profile
from services.profiles.rosters.domain.fields import ROSTER
from shared.errors import Rejected
from shared.spreadsheets.mapping import parse, parsed

GOOD = """
sections:
  people:
    fields:
      name: {columns: [first, last]}
      email: {column: mail}
      stage: {column: grade, values: {no: student}}
    ignore: [shoe size]
"""


def refused(text: str, section: str = "people") -> Rejected:
    with pytest.raises(Rejected) as error:
        parse(text.encode(), section, ROSTER)
    return error.value


def test_yaml_and_json_mean_the_same() -> None:
    fields = {
        "name": {"columns": ["first", "last"]},
        "email": {"column": "mail"},
        "stage": {"column": "grade", "values": {"no": "student"}},
    }
    document = {"sections": {"people": {"fields": fields, "ignore": ["shoe size"]}}}
    assert parse(json.dumps(document).encode(), "people", ROSTER) == parse(GOOD.encode(), "people", ROSTER)


def test_a_word_that_yaml_takes_for_a_boolean_stays_a_word() -> None:
    assert parse(GOOD.encode(), "people", ROSTER).fields["stage"].values == {"no": "student"}


@pytest.mark.parametrize(
    "spelling", ["identity", "story", "weights", "never", "never_list", "Never-List", "identity wish"]
)
def test_fields_that_only_the_person_enters_are_refused_in_any_mapping_section(spelling: str) -> None:
    other = f"  other:\n    fields:\n      {spelling}: {{column: x}}\n"
    error = refused(GOOD + other)
    assert (error.code, error.errors[0].field) == ("mapping_names_person_only", f"sections.other.fields.{spelling}")


def test_the_authoritative_section_takes_no_field_that_only_the_person_enters() -> None:
    assert refused(GOOD + "    authoritative: [story]\n").code == "mapping_names_person_only"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be an object"),
        ("[]", "must be an object"),
        ("sections: {people: 1}", "must be an object"),
        ("sections: {}", "at least 1"),
        ("{", "must be YAML or JSON"),
        (GOOD.replace("mail}", "mail, constant: x}"), "exactly one of"),
        (GOOD.replace("mail}", "mail, colunm: x}"), "unknown here"),
        (GOOD.replace("stage:", "rank:"), "no field rank"),
        (GOOD.replace("stage:", "status:"), "no field status"),
        (GOOD.replace("stage:", "subject_hash:"), "no field subject_hash"),
        (GOOD.replace("stage:", "enrolments:"), "no field enrolments"),
        (GOOD.replace("      email: {column: mail}\n", ""), "where email comes from"),
        (GOOD.replace("mail}", "mail, split: ;}"), "email has one value"),
        (GOOD + "    ignore: []\n", "appears twice"),
        (GOOD.replace("{column: mail}", "&m {column: mail}").replace("{columns: [first, last]}", "*m"), "alias"),
        (GOOD + "    delimiter: ab\n", "at most 1"),
        ("a: " * 300, "YAML or JSON"),
        ("[" * 20_000, "nested deeper than the 12 levels"),
        ("a: [" + "b," * 20_000 + "]", "at most 20000 values"),
        ("%YAML 1.2\n---\na: b", "directives"),
        ("a: b\n---\na: b", "one YAML document"),
        ("[a]: b", "a key must be text"),
        (GOOD + "    delimiter: '\"'\n", "between two cells"),
    ],
)
def test_an_invalid_mapping_is_refused_with_place_and_reason(text: str, message: str) -> None:
    error = refused(text)
    assert error.code == "mapping_invalid"
    assert message in " ".join(wrong.message for wrong in error.errors)
    assert "nothing was imported" in error.message


def test_an_unknown_section_is_refused_with_the_known_sections() -> None:
    assert "people" in refused(GOOD, "mentors").errors[0].message


def test_a_mapping_that_is_too_large_is_refused() -> None:
    assert "KB" in refused(GOOD + "#" * 300_000).errors[0].message


@pytest.mark.parametrize("unseen", ["\x00", "\u202e", "\u200b"], ids=ascii)
@pytest.mark.parametrize("place", ["section", "field", "column", "columns", "ignore", "authoritative"])
def test_a_name_in_a_mapping_has_no_invisible_character(place: str, unseen: str) -> None:
    name = f"x{unseen}y"
    fields: dict[str, Any] = {"name": {"column": "name"}, "email": {"column": "mail"}}
    fields |= {"column": {"external_id": {"column": name}}, "field": {name: {"column": "c"}}}.get(place, {})
    fields |= {"external_id": {"columns": ["a", name]}} if place == "columns" else {}
    listed = {place: [name]} if place in ("ignore", "authoritative") else {}
    mapping = {"sections": {name if place == "section" else "s": {"fields": fields, **listed}}}
    with pytest.raises(Rejected) as refused:
        parsed(mapping, "s", ROSTER)
    errors = refused.value.errors
    assert all((error.field + error.message).isprintable() for error in errors)
    assert any("must not contain" in error.message for error in errors)


def test_a_refused_field_is_named_printably_whatever_its_section() -> None:
    with pytest.raises(Rejected) as refused:
        parsed({"sections": {"s\x00\u202e" * 1000: {"fields": {"story": {}}}}}, "s", ROSTER)
    [error] = refused.value.errors
    assert error.field.isprintable()
    assert len(error.field) < 100


def test_the_documented_fields_are_those_of_the_code_with_their_defaults() -> None:
    text = (Path(__file__).parents[2] / "docs" / "rosters.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| `?([^|`]+?)`? \|", text.partition("## The fields")[2], re.MULTILINE)
    defaults = {name: field.default for name, field in Profile.model_fields.items()}
    assert {name for name, _ in rows} == ROSTER.names
    for name, default in rows:
        empty = "none" if defaults[name] in (None, (), "") else defaults[name]
        expected = "required" if name in ROSTER.required else empty
        assert default == str(expected), name
