"""Rotations as a file and as JSON: dates are written as dates, and a refused row repeats little of what was sent."""

import json

import pytest
from pydantic import ValidationError

from services.matching.conflicts.api import _FILES, NewRotation, VerdictRead, _rows
from services.matching.projections.lookup.domain import Identifier
from shared.errors import Rejected

HEADER = "id,assessor,assessed,from,to\n"
NO_DATES = [
    "1577836800",
    "0",
    "20270104",
    "2027-W01-1",
    "2027-01-04T00:00:00",
    "2027-02-30",
    "\u0662027-01-04",
    "",
    "soon",
]


@pytest.mark.parametrize("text", NO_DATES)
def test_an_invalid_date_is_refused_in_a_file_and_in_json(text: str) -> None:
    [row] = _rows(f"{HEADER}r,mara,ana,{text},2027-02-01\n".encode()).values()
    assert isinstance(row, VerdictRead)
    assert [(error.field, error.message) for error in row.errors] == [("from", "must be a date like 2026-12-01")]
    body = {"id": "r", "assessor": "mara", "assessed": "ana", "from": text, "to": "2027-02-01"}
    with pytest.raises(ValidationError, match="must be a date like 2026-12-01"):
        NewRotation.model_validate_json(json.dumps(body), strict=True)


def test_a_date_is_taken_from_a_file_and_from_json() -> None:
    [row] = _rows(f"{HEADER}r,mara,ana,2027-01-04,2027-02-01\n".encode()).values()
    body = {"id": "r", "assessor": "mara", "assessed": "ana", "from": "2027-01-04", "to": "2027-02-01"}
    read = NewRotation.model_validate_json(json.dumps(body), strict=True)
    assert not isinstance(row, VerdictRead)
    assert (row.begins, row.ends) == (read.begins, read.ends)


@pytest.mark.parametrize("rest", [",mara,ana,2027-01-04,2027-02-01", ",mara"])
def test_a_refused_row_repeats_a_short_and_printable_id(rest: str) -> None:
    [row] = _rows(f"{HEADER}{chr(1) * 20_000}{rest}\n".encode()).values()
    assert isinstance(row, VerdictRead)
    assert row.id == "?" * 200


MAPPING = b"""
sections:
  rotations:
    fields:
      id: {column: Nr}
      assessor_email: {column: Oberarzt}
      assessed_external_id: {column: Student}
      from: {column: von, format: "%d.%m.%Y"}
      to: {column: bis, format: "%d.%m.%Y"}
    ignore_others: true
"""


def test_a_mapping_names_the_columns_and_writes_days_first() -> None:
    text = "Nr;Oberarzt;Student;von;bis;Ort\n7;Mara <mara@x.org>;00123;04.01.2027;2027-02-01;Wien\n"
    text += "8;m@x.org;1;1/2/27;1.2.2027;\n"
    row, refused = _rows(text.encode(), _FILES.section(MAPPING)).values()
    assert not isinstance(row, VerdictRead)
    assert (row.external, str(row.begins), str(row.ends)) == ("7", "2027-01-04", "2027-02-01")
    assert (row.assessor, row.assessed) == (
        Identifier(kind="email", value="mara@x.org"),
        Identifier(kind="external_id", value="00123"),
    )
    assert isinstance(refused, VerdictRead)
    assert [(error.field, error.message) for error in refused.errors] == [("von", "must be a date like 31.12.2026")]


def test_columns_of_no_meaning_are_not_read() -> None:
    [row] = _rows(b"id,assessor,assessed,from,to,ward,\nr,mara,ana,2027-01-04,2027-02-01,=1+1,\n").values()
    assert not isinstance(row, VerdictRead)


def test_a_mapping_without_dates_is_refused() -> None:
    with pytest.raises(Rejected, match="mapping cannot be used"):
        _FILES.section(MAPPING.replace(b"      to:", b"      ti:"))
