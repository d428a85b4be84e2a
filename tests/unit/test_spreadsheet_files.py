"""Files as people's programs write them: encodings, delimiters, workbooks, and rows that hold nothing."""

import io
import zipfile
from typing import Any

import openpyxl
import pytest

from services.profiles.rosters.domain.fields import ROSTER
from services.profiles.rosters.domain.reading import Row
from shared.errors import Rejected
from shared.spreadsheets import mapping
from shared.spreadsheets.packages import MAX_UNPACKED
from tests.unit.roster_rows import rows

PEOPLE = "name,mail,teaches\nAda,ada@x.org,ECG;Ethics\nJörg,jo@x.org,\n"
NAMES = ["Ada", "Jörg"]


def section(more: str = "") -> mapping.Section:
    text = f"""
sections:
  people:
    fields:
      name: {{column: name}}
      email: {{column: mail}}
      topics_offered: {{column: teaches, split: ";", slug: true, optional: true}}
{more}
"""
    return mapping.parse(text.encode(), "people", ROSTER)


def read(content: str | bytes, more: str = "") -> list[Row]:
    return list(rows(io.BytesIO(content if isinstance(content, bytes) else content.encode()), section(more)))


def names(content: str | bytes, more: str = "") -> list[str]:
    return [
        row.profile.name if row.profile else "; ".join(r.message for r in row.reasons) for row in read(content, more)
    ]


def refusal(content: str | bytes, more: str = "") -> str:
    with pytest.raises(Rejected) as refused:
        read(content, more)
    [error] = refused.value.errors
    return error.message


def workbook(*sheets: tuple[str, list[list[Any]]], hidden: str = "") -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, lines in sheets:
        sheet = book.create_sheet(title)
        for line in lines:
            sheet.append(line)
        sheet.sheet_state = "hidden" if title == hidden else "visible"
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_every_unicode_encoding_is_read(encoding: str) -> None:
    assert names(PEOPLE.encode(encoding)) == NAMES


@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
def test_lines_may_end_in_any_way(end: str) -> None:
    assert names(PEOPLE.replace("\n", end)) == NAMES


def test_another_encoding_is_refused_with_its_first_doubtful_cell() -> None:
    message = refusal(PEOPLE.encode("cp1252"))
    assert message.startswith("line 3 is not UTF-8. Read as cp1252 its first doubtful cell is “Jörg”")
    assert "`encoding: cp1252`" in message


@pytest.mark.parametrize("named", ["cp1252", "windows-1252", "latin1", "ISO-8859-1"])
def test_an_encoding_that_the_mapping_names_is_read(named: str) -> None:
    assert names(PEOPLE.encode("cp1252"), f"    encoding: {named}") == NAMES


def test_a_polish_file_is_read_as_the_mapping_says() -> None:
    assert names("name,mail\nŁucja Żak,l@x.pl\n".encode("cp1250"), "    encoding: cp1250") == ["Łucja Żak"]


def test_utf8_is_not_read_as_another_encoding() -> None:
    assert "is UTF-8, and the mapping says `encoding: cp1252`" in refusal(PEOPLE, "    encoding: cp1252")


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
@pytest.mark.parametrize("first", ["", "sep={}\r\n", '"sep={}"\n'])
def test_the_delimiter_is_found(delimiter: str, first: str) -> None:
    text = PEOPLE.replace(";", " ").replace(",", delimiter)
    assert names(first.format(delimiter) + text) == NAMES
    assert [row.line for row in read(first.format(delimiter) + text)] == ([3, 4] if first else [2, 3])


def test_a_wrong_delimiter_is_named_in_one_sentence() -> None:
    message = 'its cells are separated by a tab, and the mapping says ";": leave `delimiter` out'
    assert refusal(PEOPLE.replace(",", "\t"), '    delimiter: ";"') == message


def test_empty_rows_and_unnamed_empty_columns_are_passed_over() -> None:
    assert names("name,mail,,\nAda,ada@x.org,,\n,,,\n  ,\u00a0,\nJörg,jo@x.org\n,,,,,,\n\n") == NAMES


def test_a_short_row_ends_with_empty_cells_and_a_long_one_is_refused() -> None:
    [short, long] = read("mail,name,teaches\na@x.org,Ada\nb@x.org,Bo,ECG,,x\n")
    assert short.profile is not None
    assert [reason.message for reason in long.reasons] == ["has 5 cells where the header names 3 columns"]


def test_a_value_in_a_column_without_a_name_is_refused() -> None:
    assert names("name,mail,,teaches\nAda,a@x.org,?,ECG\n") == ["has a value in column 3, which has no name"]


@pytest.mark.parametrize("more", ["    ignore: [note]", "    ignore_others: true"])
def test_columns_that_are_not_read_may_share_a_title_and_hold_anything(more: str) -> None:
    long = "x" * 140_000
    assert names(f'name,mail,note,Note,note\nAda,a@x.org,=1+1,"{long}",#REF!\n', more) == ["Ada"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('"I said ""yes,a@x.org,\n', 'line 2: a cell begins with a quotation mark (") there that is never closed'),
        ('"Big" Ben,a@x.org,\n', 'line 2: a quotation mark (") closes a cell there, and more text follows'),
    ],
)
def test_a_quote_fault_is_named_with_its_line(line: str, message: str) -> None:
    text = refusal("name,mail,teaches\n" + line + "Bo,b@x.org,\n")
    assert text.startswith(message)
    assert "UTF-8" not in text


def test_a_file_of_one_long_line_is_refused() -> None:
    assert "line 1 is longer than 1000 KB" in refusal("x" * 1_100_000)


def test_further_header_rows_are_named_and_skipped() -> None:
    qualtrics = 'name,mail\nYour name?,Mail?\n"{""ImportId"":""Q1""}","{""ImportId"":""Q2""}"\nAda,a@x.org\n'
    assert "line 3 is a further header row of Qualtrics: write `skip_rows: 2`" in refusal(qualtrics)
    assert names(qualtrics, "    skip_rows: 2") == ["Ada"]
    monkey = "name,mail,teaches,,\nOpen-Ended Response,Response,ECG,Ethics,Law\nAda,a@x.org,ECG,,Law\n"
    assert "SurveyMonkey: write `skip_rows: 1`" in refusal(monkey)
    [row] = read(monkey, "    skip_rows: 1")
    assert row.profile is not None
    assert row.profile.topics_offered == ("ecg", "law")


def test_a_title_is_found_whatever_its_case_spaces_and_line_ends() -> None:
    fields = 'sections: {s: {fields: {name: {column: "Your name\\n(as on your badge)"}, email: {column: E-Mail}}}}'
    read = mapping.parse(fields.encode(), "s", ROSTER)
    header = '"Your\u00a0name\r\n(as on your badge)",\u200be-mail\ufeff\n'
    [row] = rows(io.BytesIO((header + "Ada,a@x.org\n").encode()), read)
    assert row.profile is not None


def test_the_later_of_two_answers_counts() -> None:
    text = "at,name,mail\n2026-09-01 10:00,Ada 1,a@x.org\n2026-09-03 09:00,Ada 2,A@x.org\n2026-09-02,Bo,b@x.org\n"
    assert names(text, "    ignore: [at]\n    latest_by: at") == ["Ada 2", "Bo"]
    german = text.replace("2026-09-01 10:00", "01.10.2026").replace("2026-09-03 09:00", "30.09.2026")
    kept = names(german.replace("2026-09-02", "x"), '    latest_by: {column: at, format: "%d.%m.%Y"}')
    assert kept == ["Ada 1", "must be a time like the format %d.%m.%Y"]


def test_a_workbook_is_read_as_its_csv_is() -> None:
    lines = [["name", "mail", "teaches"], ["Ada", "ada@x.org", "ECG;Ethics"], [None] * 3, ["Jörg", "jo@x.org"]]
    assert read(workbook(("people", lines)))[0].profile == read(PEOPLE)[0].profile
    assert names(workbook(("people", lines))) == NAMES


def test_whole_numbers_and_dates_of_a_workbook_are_texts() -> None:
    fields = "name: {column: n}, email: {column: m}, capacity: {column: c}, external_id: {column: i}"
    read = mapping.parse(f"sections: {{s: {{fields: {{{fields}}}}}}}".encode(), "s", ROSTER)
    content = workbook(("s", [["n", "m", "c", "i"], ["Ada", "a@x.org", 12.0, "00123"]]))
    [row] = rows(io.BytesIO(content), read)
    assert row.profile is not None
    assert (row.profile.capacity, row.profile.external_id) == (12, "00123")
    [row] = rows(io.BytesIO(b"n,m,c,i\nAda,a@x.org,12.0,7\n"), read)
    assert row.profile is not None
    assert row.profile.capacity == 12


def test_a_hidden_sheet_is_read_only_by_name() -> None:
    hidden, shown = [["name", "mail"], ["Eve", "e@x.org"]], [["name", "mail"], ["Ada", "a@x.org"]]
    content = workbook(("old", hidden), ("new", shown), hidden="old")
    assert names(content) == ["Ada"]
    assert names(content, "    sheet: Old") == ["Eve"]
    assert "its sheets are old, new" in refusal(content, "    sheet: other")


def test_a_formula_is_refused_where_it_is_read() -> None:
    content = workbook(("s", [["name", "mail", "sum"], ["=A1", "a@x.org", 1], ["Bo", "b@x.org", "=1+1"]]))
    assert names(content, "    ignore: [sum]") == [
        "starts with =: formulas are refused; paste the column as values",
        "Bo",
    ]


def test_a_workbook_with_many_empty_rows_ends_with_its_last_value() -> None:
    content = workbook(("s", [["name", "mail"], ["Ada", "a@x.org"]]))
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    empty = b"".join(b'<row r="%d"/>' % number for number in range(3, 300_000))
    sheet = parts["xl/worksheets/sheet1.xml"].replace(b"</sheetData>", empty + b"</sheetData>")
    assert names(zipped({**parts, "xl/worksheets/sheet1.xml": sheet})) == ["Ada"]


def zipped(parts: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    return file.getvalue()


def test_a_workbook_that_unpacks_to_too_much_is_not_unpacked() -> None:
    bomb = zipped({"xl/workbook.xml": b"", "xl/worksheets/sheet1.xml": b"0" * (MAX_UNPACKED + 1)})
    assert "unpacks to 100 MB" in refusal(bomb)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old .xls"),
        (zipped({"content.xml": b""}), "not an .xlsx workbook"),
        (zipped({"xl/workbook.xml": b"<"}), "damaged"),
        (workbook(("s", [["name", "mail"]]))[:-100], "damaged"),
        (b"", "is empty"),
        (b"\n \n,,\n", "is empty"),
    ],
    ids=["xls", "ods", "broken", "cut off", "empty", "blank"],
)
def test_what_is_no_table_is_refused_by_name(content: bytes, message: str) -> None:
    assert message in refusal(content)
