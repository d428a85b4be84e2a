"""Small files that would take much time or memory to read: what a file costs follows from its size."""

import io
import zipfile
from collections.abc import Callable

import pytest

from services.profiles.rosters.domain.fields import ROSTER
from shared.errors import Rejected
from shared.spreadsheets import mapping, packages, workbook_sheets, workbooks
from shared.spreadsheets.packages import MAX_COLUMNS
from tests.unit.roster_rows import rows
from tests.unit.test_spreadsheet_files import names, refusal, workbook, zipped

SHEET, STRINGS = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"
ADA = [["name", "mail"], ["Ada", "ada@x.org"]]
DAMAGED = "damaged"


TYPE = b"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
MAIN = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def parts_of(strings: bytes = b"") -> dict[str, bytes]:
    """Of a workbook, with shared strings."""
    with zipfile.ZipFile(io.BytesIO(workbook(("people", ADA)))) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    override = b'<Override PartName="/xl/sharedStrings.xml" ContentType="' + TYPE + b'"/></Types>'
    types = parts["[Content_Types].xml"].replace(b"</Types>", override)
    return {**parts, "[Content_Types].xml": types, STRINGS: b'<sst xmlns="' + MAIN + b'">' + strings + b"</sst>"}


def changed(change: Callable[[bytes], bytes], *, part: str = SHEET) -> bytes:
    parts = parts_of()
    return zipped({**parts, part: change(parts[part])})


def with_rows(xml: bytes) -> Callable[[bytes], bytes]:
    return lambda sheet: sheet.replace(b"</sheetData>", xml + b"</sheetData>")


def with_prolog(xml: bytes) -> Callable[[bytes], bytes]:
    return lambda part: xml + part.partition(b"?>\n")[2] if part.startswith(b"<?xml") else xml + part


def test_rows_that_a_workbook_skips_are_not_made_up() -> None:
    row = b'<row r="1048576"><c r="A1048576" t="inlineStr"><is><t>Bo</t></is></c></row>'
    assert names(changed(with_rows(row)))[0] == "Ada"
    assert DAMAGED in refusal(changed(with_rows(row.replace(b"1048576", b"4000000000"))))


def test_rows_that_are_not_in_order_are_refused_and_not_left_out() -> None:
    assert DAMAGED in refusal(changed(with_rows(b'<row r="2"><c r="A2"><v>1</v></c></row>')))


def test_a_value_in_a_far_column_makes_no_wide_row() -> None:
    content = changed(with_rows(b'<row r="3"><c r="XFD3"><v>1</v></c></row>'))
    assert max(len(cells) for _, cells in workbooks.rows(io.BytesIO(content), None)) == MAX_COLUMNS + 1
    assert names(content)[1] == "has 501 cells where the header names 2 columns"


@pytest.mark.parametrize("part", [SHEET, STRINGS, "xl/styles.xml", "xl/workbook.xml"])
def test_entities_of_a_workbook_are_not_expanded(part: str) -> None:
    entities = b'<!DOCTYPE x [<!ENTITY a "' + b"a" * 1000 + b'">]>'
    assert DAMAGED in refusal(changed(with_prolog(b" " * 70_000 + entities), part=part))


def test_parts_in_utf16_are_refused_because_their_tags_are_not_seen() -> None:
    assert "UTF-16" in refusal(changed(lambda sheet: sheet.decode().replace("utf-8", "utf-16").encode("utf-16")))


@pytest.mark.parametrize(
    ("part", "xml"),
    [
        (SHEET, b"<row>" + b"<c/>" * 101_000 + b"</row>"),
        (SHEET, b"<x:row>" + b"<x:c/>" * 101_000 + b"</x:row>"),
        ("xl/styles.xml", b"<xf/>" * 101_000),
        ("[Content_Types].xml", b"<Override/>" * 101_000),
        (STRINGS, b"<si>" + b"<r/>" * 101_000 + b"</si>"),
    ],
    ids=["cells", "cells with a prefix", "formats", "parts", "runs of a string"],
)
def test_more_tags_than_a_sheet_needs_are_refused_before_they_are_parsed(part: str, xml: bytes) -> None:
    def with_more(before: bytes) -> bytes:
        head, last, tail = before.rpartition(b"</")
        if part == SHEET:
            head, last, tail = before.partition(b"</sheetData>")
        return head + xml + last + tail

    assert "too many" in refusal(changed(with_more, part=part))


def test_more_shared_strings_than_a_file_has_people_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "_MOST_STRINGS", 1_000)
    assert "too many" in refusal(zipped(parts_of(b"<si/>" * 1_001)))
    assert names(zipped(parts_of(b"<si/>" * 999))) == ["Ada"]


def test_a_long_text_that_many_cells_share_counts_in_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook_sheets, "MAX_UNPACKED", 1_000_000)
    cells = b"".join(b'<row r="%d"><c r="A%d" t="s"><v>0</v></c></row>' % (row, row) for row in range(3, 1_100))

    def read(text: bytes) -> int:
        parts = parts_of(b"<si><t>" + text + b"</t></si>")
        content = zipped({**parts, SHEET: with_rows(cells)(parts[SHEET])})
        return len(list(workbooks.rows(io.BytesIO(content), None)))

    assert read(b"short") == 1_099
    with pytest.raises(Rejected) as refused:
        read(b"n" * 1_000)
    assert "of text: send it in parts" in refused.value.errors[0].message


def test_a_formula_that_many_cells_share_is_not_translated_for_each() -> None:
    shared = b'<row r="3"><c r="A3"><f t="shared" ref="A3:A9" si="0">' + b"A1+" * 3_000 + b"A1</f></c></row>"
    uses = b"".join(b'<row r="%d"><c r="A%d"><f t="shared" si="0"/></c></row>' % (row, row) for row in range(4, 2_000))
    texts = list(workbooks.rows(io.BytesIO(changed(with_rows(shared + uses))), None))
    assert {cells[0] for number, cells in texts if number > 2} == {"="}


def section(fields: str) -> mapping.Section:
    text = f"sections: {{people: {{fields: {{name: {{column: name}}, email: {{column: mail}}, {fields}}}}}}}"
    return mapping.parse(text.encode(), "people", ROSTER)


def reasons(cell: str, fields: str) -> list[str]:
    content = f'name,mail,teaches\nAda,a@x.org,"{cell}"\n'
    return [reason.message for row in rows(io.BytesIO(content.encode()), section(fields)) for reason in row.reasons]


def test_values_that_contain_the_separator_are_found_at_a_cost_linear_in_the_cell() -> None:
    known = "{" + ", ".join(f'"{";".join("a" * count)}": x' for count in (1, 5, 19)) + "}"
    fields = f'topics_offered: {{column: teaches, split: ";", values: {known}}}'
    assert reasons(";".join(["a"] * 200), fields) == []
    for cell in (";".join(["ﷺ" * 90] * 200), ";".join(["b" * 98] * 200)):
        [message] = reasons(cell, fields)
        assert message.startswith("is not a value that the mapping translates")


def test_a_value_with_the_separator_too_often_is_refused_in_the_mapping() -> None:
    with pytest.raises(Rejected) as refused:
        section(f'topics_offered: {{column: teaches, split: ";", values: {{"{";".join("a" * 30)}": x}}}}')
    assert "separator" in refused.value.errors[0].message


def test_a_text_much_longer_than_a_topic_is_no_topic() -> None:
    [message] = reasons("ﷺ" * 10_000, 'topics_offered: {column: teaches, slug: true, split: ";"}')
    assert message == "must have at most 500 characters"


def test_missing_columns_are_compared_with_the_file_at_a_low_cost() -> None:
    titles = [("ab" * 100)[at % 7 : at % 7 + 150] + f"{at:03}" for at in range(400)]
    wanted = ", ".join(f'"{"ba" * 90}{number:02}"' for number in range(20))
    fields = ", ".join(f"{name}: {{columns: [{wanted}]}}" for name in ("principles", "topics_offered", "locale"))
    with pytest.raises(Rejected) as refused:
        list(rows(io.BytesIO(",".join(["name", "mail", *titles]).encode()), section(fields)))
    assert any("is missing" in error.message for error in refused.value.errors)


@pytest.mark.parametrize("format", ["%d%d", "%Q", "%", "a\\0b", "no sign", "%d.%m.", "%c %d"])
def test_a_format_by_which_no_date_can_be_read_is_refused_in_the_mapping(format: str) -> None:
    rotations = mapping.Fields(names=frozenset({"from"}), dates=frozenset({"from"}))
    text = f'sections: {{s: {{fields: {{from: {{column: from, format: "{format}"}}}}}}}}'
    with pytest.raises(Rejected) as refused:
        mapping.parse(text.encode(), "s", rotations)
    assert "format" in refused.value.errors[0].message or "format" in refused.value.errors[0].field
