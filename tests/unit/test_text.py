"""Text at every edge: what nobody sees is refused by name and position, and what is the same is written the same."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticCustomError

from services.matching.mentoring.api.requests import NewRequest
from services.profiles.institutions.api import NewInstitution
from services.profiles.invitations.api import Acceptance
from services.profiles.members.domain.profile import Private, Profile
from services.profiles.programmes.api import NewProgramme
from shared.text import clean_line, clean_text
from shared.zones import zones

ROOT = Path(__file__).parent.parent.parent
UNSEEN = ["\0", "\x1b", "\x7f", "\x85", "\u200b", "\u200d", "\u202e", "\u2066", "\u2028", "\ufeff", "\u00ad", "\u3164"]
UNSEEN += [
    "\u2800",
    "\U0001d159",
    "\ufe00",
    "\ufe0e",
    "\ufe0f",
    "\U000e0101",
    "\u180b",
    "\u180f",
    "\u2065",
    "\ufff0",
    "\U000e0ffe",
]
LINES: list[tuple[type[BaseModel], str, dict[str, Any]]] = [
    (Profile, "name", {}),
    (Profile, "external_id", {}),
    (NewInstitution, "name", {"id": "a"}),
    (NewProgramme, "name", {}),
    (Acceptance, "code", {}),
]
TEXTS: list[tuple[type[BaseModel], str, dict[str, Any]]] = [
    (Profile, "principles", {}),
    (Private, "story", {}),
    (NewRequest, "message", {"programme": "p", "mentor": "m"}),
]


@pytest.mark.parametrize(("model", "field", "others"), LINES)
@pytest.mark.parametrize("unseen", [*UNSEEN, "\n", "\r", "\t"], ids=ascii)
def test_a_line_has_no_invisible_character(
    model: type[BaseModel], field: str, others: dict[str, Any], unseen: str
) -> None:
    with pytest.raises(ValidationError, match=rf"U\+{ord(unseen):04X}\), at character 4"):
        model.model_validate({**others, field: f"Ada{unseen}Lee"})


@pytest.mark.parametrize(("model", "field", "others"), TEXTS)
@pytest.mark.parametrize("unseen", [*UNSEEN, "\r"], ids=ascii)
def test_a_text_has_none_but_line_feeds_and_tabs(
    model: type[BaseModel], field: str, others: dict[str, Any], unseen: str
) -> None:
    with pytest.raises(ValidationError, match="at character 4"):
        model.model_validate({**others, field: f"Ada{unseen}Lee"})
    assert getattr(model.model_validate({**others, field: "a\r\n\tb"}), field) == "a\n\tb"


@pytest.mark.parametrize(
    "name",
    [
        "Zoë",
        "Dvořák",
        "李小龍",
        "\u0645\u062d\u0645\u062f\u200c\u0631\u0636\u0627",
        "क्\u200dष",
        "O\u2019Brien",
        "Ngô Bảo Châu",
    ],
)
def test_names_of_any_alphabet_are_taken(name: str) -> None:
    assert clean_line(name) == name


def test_equal_names_have_equal_bytes() -> None:
    assert clean_line("Zoe\u0308") == "Zo\u00eb"


def test_an_emoji_of_several_code_points_counts_as_one_character() -> None:
    assert clean_text("thanks \U0001f469\u200d\u2695\ufe0f") == "thanks \U0001f469\u200d\u2695\ufe0f"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("locale", "en\n"),
        ("email", "a@x.org\0"),
        ("email", "a\u200b@x.org"),
        ("languages", ["en\n"]),
        ("affiliations", ["a\n"]),
        ("specialty", "cardiology\n"),
        ("topics_offered", ["ecg\n"]),
        ("available", ["fri-17-20\n"]),
        ("time_zone", "Europe/Vienna\n"),
    ],
)
def test_no_field_takes_a_line_end_or_an_invisible_character(field: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        Profile.model_validate({field: value})


@pytest.mark.parametrize(
    "seen", ["\u2764\ufe0f", "1\ufe0f\u20e3", "\u845b\U000e0100\u57ce", "\u182a\u180b\u1820", "\u203c\ufe0f"], ids=ascii
)
def test_a_variation_selector_stays_where_it_changes_what_is_seen(seen: str) -> None:
    assert clean_line(seen) == clean_text(seen) == seen


@pytest.mark.parametrize(
    "unseen", ["\ufe0f", "\u2764\ufe0f\ufe0f", "#\ufe0f", "\u2800\ufe0f", "\u182a\ufe0f", "\u845b\u180b"], ids=ascii
)
def test_a_variation_selector_after_a_character_without_variants_is_refused(unseen: str) -> None:
    with pytest.raises(PydanticCustomError, match="must not contain"):
        clean_line(unseen)


@pytest.mark.parametrize(
    "zone",
    ["localtime", "posixrules", "right/Europe/Vienna", "posix/Europe/Vienna", "Factory", "EST5EDT", "../etc", ""],
)
def test_a_time_zone_is_named_after_a_place(zone: str) -> None:
    with pytest.raises(ValidationError, match="like Europe/Vienna"):
        Profile.model_validate({"time_zone": zone})


def test_places_and_utc_are_time_zones() -> None:
    assert {"UTC", "Europe/Vienna", "Asia/Kolkata", "America/Argentina/Ushuaia"} <= zones()


def test_no_pattern_lets_a_line_end_through() -> None:
    r"""`$` matches before a last line end too: `fullmatch`, or `\Z`. Patterns of pydantic are another engine's."""
    loose = re.compile(r"re\.compile\([^)]*\$\"|\.match\(|re\.match\b")
    files = [file for folder in ("shared", "services", "deploy", "bench") for file in (ROOT / folder).rglob("*.py")]
    assert [str(file) for file in files if loose.search(file.read_text(encoding="utf-8"))] == []
