"""Refusals of services in the reader's language: by code, and by the services' own table of sentences."""

from dataclasses import replace

import pytest

from services.profiles.kernel.domain.aggregate import Versioned
from services.profiles.members.domain.members import Member
from services.profiles.members.domain.profile import Profile
from services.profiles.rosters.domain.merging import Import, merge
from services.profiles.rosters.domain.reading import Row
from services.web.clients.transport import Refused
from services.web.languages import Languages
from services.web.refusals import FIELDS, REFUSALS
from shared.refusals import worded
from shared.scope import Scope
from tests.unit.web_kit import FakeServices, pages, problem, text_of

GERMAN, ENGLISH = Languages().choose("de"), Languages().choose("en")
_LIMITS = {"max_length": 4, "min_length": 1, "le": 9, "ge": 0}


@pytest.mark.parametrize("code", sorted(REFUSALS))
def test_a_known_code_has_words_in_every_language(code: str) -> None:
    assert GERMAN.refusal(code, "an English sentence") not in {"an English sentence", ENGLISH.refusal(code)}


def test_an_unknown_code_shows_the_service_s_english_to_english_readers_only() -> None:
    assert ENGLISH.refusal("unknown", "an English sentence") == "an English sentence"
    assert GERMAN.refusal("unknown", "an English sentence").startswith("Das ist im jetzigen Zustand nicht möglich")


@pytest.mark.parametrize(
    ("type", "german"),
    [
        ("missing", "Füllen Sie das aus."),
        ("string_too_long", "Das darf höchstens 4 Zeichen haben."),
        ("string_too_short", "Das muss mindestens 1 Zeichen haben."),
        ("too_long", "Höchstens 4 Einträge sind möglich."),
        ("too_short", "Mindestens 1 Einträge sind nötig."),
        ("less_than_equal", "Geben Sie eine Zahl von höchstens 9 ein."),
        ("greater_than_equal", "Geben Sie eine Zahl von mindestens 0 ein."),
        ("int_type", "Geben Sie eine ganze Zahl ein."),
        ("string_type", "Das wird nicht angenommen. Prüfen Sie Ihre Eingabe."),
    ],
)
def test_a_sentence_about_a_wrong_value_is_translated_by_its_pattern(type: str, german: str) -> None:
    sentence = worded({"type": type, "loc": (), "msg": "", "input": None, "ctx": _LIMITS})
    assert GERMAN.wrong_value(sentence) == german
    assert ENGLISH.wrong_value(sentence) == sentence


def test_every_pattern_is_of_a_sentence_that_services_say() -> None:
    lengths = ("string_too_long", "string_too_short", "too_long", "too_short")
    types = ("missing", *lengths, "less_than_equal", "greater_than_equal", "int_type", "literal_error")
    values = _LIMITS | {"expected": "a or b"}
    sentences = [worded({"type": type, "loc": (), "msg": "", "input": None, "ctx": values}) for type in types]
    assert len(sentences) == len(FIELDS)
    assert all(GERMAN.wrong_value(sentence) != GERMAN.wrong_value("") for sentence in sentences)


def test_a_refusal_has_its_sentences_in_the_reader_s_language_from_the_beginning() -> None:
    errors = [{"field": "name", "message": "is required"}]
    assert Refused(422, {"errors": errors}, worded=GERMAN.wrong_value).errors == {"name": "Füllen Sie das aus."}


async def test_a_page_that_is_refused_says_so_in_german() -> None:
    services = FakeServices({"GET notifications/inbox": problem(409, "member_inactive")})
    async with pages(services, language="de") as site:
        shown = text_of(await site.get("/inbox"))
    assert "Dieses Profil ist nicht aktiv." in shown


@pytest.mark.parametrize(
    ("sentence", "german"),
    [
        ("has 3 cells where the header names 4 columns", "Diese Zeile hat 3 Zellen, aber die erste nennt 4 Spalten."),
        ("has the same e-mail address as line 7", "Das ist dieselbe E-Mail-Adresse wie in Zeile 7."),
        ("must have at most 20 characters", "Das darf höchstens 20 Zeichen haben."),
        ("was inactive and is active again", "Dieses Profil war nicht aktiv und ist wieder aktiv."),
    ],
)
def test_a_reason_about_a_row_is_in_the_reader_s_language(sentence: str, german: str) -> None:
    assert GERMAN.about_row(sentence) == (german, True)
    assert ENGLISH.about_row(sentence) == (sentence, True)


def test_questions_about_known_people_are_in_german() -> None:
    known = replace(Member(id="a", institution="i", name="A", email="a@x.org", external_id="007"), status="inactive")
    for number, part in (("9", "Wenn es dieselbe Person ist"), ("7", "Nullen am Anfang"), ("007", "bleibt es")):
        row = Row(line=2, profile=Profile(name="A", email="a@x.org", external_id=number))
        job = Import(roster="r", scope=Scope(institution="i", is_whole=True), authoritative=frozenset())
        (outcome,) = merge([row], [Versioned(known, 1)], job, new_id=str, taken={})
        text, is_german = GERMAN.about_row(outcome.reasons[0].message)
        assert (part in text, is_german) == (True, True), text


def test_an_unknown_reason_about_a_row_is_marked_as_english() -> None:
    assert GERMAN.about_row("is odd") == ("is odd", False)
