"""Texts of one meaning are equal however they are typed, and different words stay apart."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from services.profiles.rosters.domain.reading import Row
from shared.contracts.payload import Slug
from shared.identifiers import Email
from shared.spreadsheets import personal
from shared.spreadsheets.cleaning import clean_address, clean_cell, clean_number, comparison_key, name_key, slug
from shared.spreadsheets.verdicts import Reason, grouped
from tests.unit.test_spreadsheet_files import read


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Internal Medicine", "internal-medicine"),
        ("Ödeme", "oedeme"),
        ("Ädeme", "aedeme"),
        ("Straße", "strasse"),
        ("C++", "c-plus-plus"),
        ("C#", "c-sharp"),
        ("ECG + echo", "ecg-echo"),
        ("\uff25\uff23\uff27", "ecg"),
        ("---", ""),
    ],
)
def test_a_slug_is_spelled_in_ascii(text: str, expected: str) -> None:
    assert slug(text) == expected


def test_words_of_every_alphabet_stay_apart() -> None:
    words = ["Хирургия 1", "Педиатрия 1", "東京大学", "京都大学", "东京大学", "医学", "易学", "جراحة", "طب"]
    words += ["Ödeme", "Ädeme", "Odeme", "C", "C++", "C#"]
    assert len({slug(word) for word in words}) == len(words)
    assert all(TypeAdapter(Slug).validate_python(slug(word)) for word in words)


def test_a_long_text_keeps_a_slug_of_its_own() -> None:
    first, second = (slug("a" * 100 + end) for end in "xy")
    assert first != second
    assert len(first) == 64


@given(st.text(max_size=80))
def test_every_text_has_a_valid_slug_or_none(text: str) -> None:
    spelled = slug(text)
    assert spelled == "" or TypeAdapter(Slug).validate_python(spelled)
    assert slug(unicodedata.normalize("NFD", text)) == slug(unicodedata.normalize("NFC", text))


@pytest.mark.parametrize(
    "address",
    [
        "kim@example.org",
        "KIM@example.org",
        "Kim Lee <kim@example.org>",
        "mailto:kim@example.org",
        "mailto:kim@example.org?subject=Hi",
        " kim@example.org; ",
        "\u200bkim@exam\u00adple.org\ufeff",
        "kim@example.org\u00a0",
    ],
)
def test_an_address_is_found_in_its_cell(address: str) -> None:
    assert TypeAdapter(Email).validate_python(clean_address(clean_cell(address))) == "kim@example.org"


def test_an_international_domain_has_one_spelling() -> None:
    spelled = {
        TypeAdapter(Email).validate_python(text) for text in ("a@MÜLLER.de", "a@mu\u0308ller.de", "a@xn--mller-kva.de")
    }
    assert spelled == {"a@xn--mller-kva.de"}


def test_two_addresses_in_a_cell_are_refused() -> None:
    [row] = read("name,mail\nAda,a@x.org; b@x.org\n")
    assert row.profile is None


@pytest.mark.parametrize(("text", "number"), [("12.0", "12"), ("12,00", "12"), ("12.5", "12.5"), ("x", "x")])
def test_a_whole_number_is_read_as_a_spreadsheet_writes_it(text: str, number: str) -> None:
    assert clean_number(text) == number


def test_texts_are_compared_without_case_width_and_invisible_characters() -> None:
    assert comparison_key("\u200bPa\u0308DIATRIE\u00a0 1") == comparison_key("Pädiatrie \uff11")


def test_a_name_is_compared_without_its_titles() -> None:
    assert name_key("Prof. Dr. med. Ada Lovelace, MD") == name_key("ada  LOVELACE")
    assert name_key("Dr") == "dr"


@pytest.mark.parametrize(
    "name", ["Research history topics", "Orientation track", "Bioinformatics", "Success stories", "traceId"]
)
def test_a_word_that_contains_another_is_not_personal(name: str) -> None:
    assert not personal.is_personal(name)


@pytest.mark.parametrize(
    "name",
    [
        "gender",
        "Geschlecht",
        "GENDER_IDENTITY",
        "genderIdentity",
        "genderidentity",
        "raceEthnicity",
        "Gender2",
        "Ethnische Herkunft",
        "Your story",
        "Religionszugehörigkeit",
        "Behinderung",
    ],
)
def test_columns_for_the_person_alone_are_recognized(name: str) -> None:
    assert personal.is_personal(name)


def test_reasons_are_grouped_by_kind() -> None:
    rows = [Row(line=line, reasons=(Reason("hours", "must be a number"),)) for line in (4, 7, 9)]
    rows.append(Row(line=8, reasons=(Reason("", "is short"),)))
    errors = grouped((row.line, row.reasons) for row in rows)
    assert [(error.field, error.message) for error in errors] == [
        ("line 4 and 2 more, hours", "must be a number"),
        ("line 8", "is short"),
    ]
