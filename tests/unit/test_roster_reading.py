"""What each line of a file says through a mapping, or why it is refused."""

import io
import json
import unicodedata
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.profiles.rosters.domain.fields import ROSTER
from services.profiles.rosters.domain.reading import Row
from shared.errors import Rejected
from shared.spreadsheets import mapping
from shared.spreadsheets.mapping import Section
from shared.spreadsheets.verdicts import Reason
from tests.unit.roster_rows import rows


def parse(text: bytes, section: str) -> Section:
    return mapping.parse(text, section, ROSTER)


SECTION = parse(
    b"""
sections:
  people:
    fields:
      name: {columns: [first, last]}
      email: {column: mail}
      topics_offered: {column: teaches, split: ",", values: {ECG: ecg, Both: [ecg, research]}}
      topics_wanted: {column: wants, split: ",", slug: true, optional: true}
      hours_per_month: {column: hours, default: "3"}
    enrol:
      - {programme: p, roles: {column: role, values: {M: mentor, B: [mentor, mentee]}}}
    ignore: [bio]
""",
    "people",
)
PERSON: Any = {"fields": {"name": {"column": "name"}, "email": {"column": "mail"}}}
HEADER = "first,last,mail,teaches,hours,role,bio\n"


def read(text: str | bytes, section: Section = SECTION) -> list[Row]:
    return list(rows(io.BytesIO(text if isinstance(text, bytes) else text.encode()), section))


def row_of(line: str) -> Row:
    (row,) = read(HEADER + line)
    return row


def test_columns_are_read_by_their_meaning() -> None:
    profile = row_of('Ada,Lovelace,ADA@x.org,"ECG, Both",,B,secret').profile
    assert profile is not None
    assert (profile.name, profile.email, profile.hours_per_month) == ("Ada Lovelace", "ada@x.org", 3)
    assert profile.topics_offered == ("ecg", "research")
    assert profile.enrolments[0].roles == ("mentee", "mentor")


def test_an_empty_cell_is_ignored() -> None:
    profile = row_of("Ada,,ada@x.org,,2,,").profile
    assert profile is not None
    assert profile.model_fields_set == {"name", "email", "hours_per_month"}


@pytest.mark.parametrize(
    ("line", "column", "message"),
    [
        (",,ada@x.org,,,,", "first, last", "must not be empty"),
        ("Ada,,,,,,", "mail", "must not be empty"),
        ("Ada,,ada,,,,", "mail", "e-mail"),
        ("Ada,,ada@x.org,Juggling,,,", "teaches", "ECG, Both"),
        ("Ada,,ada@x.org,,many,,", "hours", "whole number"),
        ("Ada,,ada@x.org,,101,,", "hours", "100"),
        ("Ada,,ada@x.org,,,X,", "role", "M, B"),
        ("=cmd,,ada@x.org,,,,", "first", "formula"),
        ("Ada,,ada@x.org,,,,,,X", "", "has 9 cells where the header names 7 columns"),
        ("#REF!,,ada@x.org,,,,", "first", "a spreadsheet's error #REF!"),
        ("Ada,,ada@x.org,,,,\0", "bio", "NUL (U+0000)"),
    ],
)
def test_a_wrong_row_is_refused_with_its_column_and_never_its_cell(line: str, column: str, message: str) -> None:
    row = row_of(line)
    assert row.profile is None
    assert [reason.column for reason in row.reasons] == [column]
    assert message in row.reasons[0].message
    assert "ada" not in row.reasons[0].message.lower().replace("ada lovelace", "")


def test_every_error_of_a_row_is_reported() -> None:
    assert [reason.column for reason in row_of("Ada,,ada@x.org,Juggling,,X,").reasons] == ["teaches", "role"]


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    text = HEADER + '"Ada\nMaria",L,ada@x.org,,,,\n\nBob,,bob@x.org,,,,\n'
    assert [row.line for row in read(text)] == [2, 5]


def test_the_second_row_of_a_person_names_the_first() -> None:
    first, second = read(HEADER + "Ada,,ada@x.org,,,,\nAda,,ADA@x.org,,,,\n")
    assert first.profile is not None
    [reason] = second.reasons
    assert reason.message.startswith("has the same e-mail address as line 2")
    assert "`latest_by`" in reason.message


def test_every_wrong_column_of_a_header_is_named() -> None:
    with pytest.raises(Rejected) as refused:
        read("first,first,teaches,hours,role,shoe size,\nx\n")
    messages = " / ".join(error.message for error in refused.value.errors)
    for part in (
        "'first' appears twice",
        "'last' is missing",
        "'mail' is missing",
        "'shoe size' is unknown",
    ):
        assert part in messages


def test_a_roster_is_limited_in_rows_columns_and_cells() -> None:
    for text, message in (
        (",".join(f"c{n}" for n in range(501)), "has 501 columns"),
        (HEADER + ("A" * 100_000 + ",") * 11, "longer than 1000 KB"),
        (HEADER.replace("bio", "b" * 201), "longer than 200 characters"),
    ):
        with pytest.raises(Rejected) as refused:
            read(text)
        assert message in " / ".join(error.message for error in refused.value.errors)
    assert row_of("b" * 20_001 + ",,ada@x.org,,,,").reasons == (Reason("first", "must have at most 20000 characters"),)
    assert row_of("Ada,,ada@x.org,,,," + "b" * 20_001).profile is not None
    assert row_of('Ada,,ada@x.org,"' + "ECG," * 201 + '",,,').reasons == (
        Reason("teaches", "must have at most 200 values"),
    )


def test_a_header_names_fifty_wrong_columns_at_most() -> None:
    with pytest.raises(Rejected) as refused:
        read(HEADER.strip() + "".join(f",c{n}" for n in range(200)))
    assert len(refused.value.errors) == 51
    assert refused.value.errors[-1].message == "150 more columns are wrong"


def test_a_nul_refuses_its_row_only() -> None:
    assert read(HEADER + "A\0da,,ada@x.org,,,,\nBob,,bob@x.org,,,,\n")[-1].profile is not None


def test_a_row_has_ten_short_errors_at_most() -> None:
    columns = [f"{number}".ljust(200, "c") for number in range(20)]
    fields = {**PERSON["fields"], "topics_offered": {"columns": columns}}
    section = parse(json.dumps({"sections": {"s": {"fields": fields}}}).encode(), "s")
    row = read("name,mail," + ",".join(columns) + "\n" + "=," * 21 + "=\n", section)[0]
    assert len(row.reasons) == 11
    assert row.reasons[-1] == Reason("", "12 more values are wrong")


def test_a_reason_is_short_and_printable_whatever_the_mapping_translates() -> None:
    known = {"\u202e" + "k" * 900 + str(number): "ecg" for number in range(20)}
    topics = {"columns": [f"{number}".ljust(200, "c") for number in range(20)], "values": known}
    fields = {**PERSON["fields"], "topics_offered": topics}
    section = parse(json.dumps({"sections": {"s": {"fields": fields}}}).encode(), "s")
    [reason] = read("name,mail," + ",".join(topics["columns"]) + "\nAda,a@x.org" + ",x" * 20 + "\n", section)[0].reasons
    assert (len(reason.column), len(reason.message)) == (200, 300)
    assert (reason.column + reason.message).isprintable()


def test_a_column_is_found_whichever_way_its_accents_are_encoded() -> None:
    fields = {"name": {"column": "Prénom"}, "email": {"column": "mail"}}
    for encoding in ("NFC", "NFD"):
        text = unicodedata.normalize(encoding, json.dumps({"sections": {"s": {"fields": fields}}}, ensure_ascii=False))
        for other in ("NFC", "NFD"):
            header = unicodedata.normalize(other, "Prénom,mail\n")
            assert read(header + "Ada,ada@x.org\n", parse(text.encode(), "s"))[0].profile is not None


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_give_a_verdict_and_no_fault(noise: bytes) -> None:
    with suppress(Rejected):
        for row in read(HEADER.encode() + noise):
            assert (row.profile is None) == bool(row.reasons)
