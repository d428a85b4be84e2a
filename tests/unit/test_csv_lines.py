"""Cells of CSV files that we hand out are no formulas, wherever the file is opened, and are read as they were."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.csv_lines import csv_line, escape_formula, unescape_formula
from tests.depth import examples

FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1+1", "\uff201")


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_cell_that_would_be_computed_begins_with_an_apostrophe(formula: str) -> None:
    assert escape_formula(formula).startswith("'")
    assert unescape_formula(escape_formula(formula)) == formula


@pytest.mark.parametrize("separator", [";", "\t", "|", ",", "\n"])
@pytest.mark.parametrize("name", ["Ada{}=1+1", 'Ada{} "=1+1', "Ada{}\uff1d1"])
def test_no_part_of_a_cell_is_computed_where_other_signs_separate_cells(separator: str, name: str) -> None:
    line = csv_line(["x", name.format(separator), "y"])
    for row in csv.reader(io.StringIO(line), delimiter=separator):
        for cell in row:
            assert not cell.strip(' "').startswith(("=", "\uff1d")), row


def test_what_is_no_formula_stays_as_it_is() -> None:
    for cell in ("ana", "O'Neil", "a=b", "x - y", "1,5", "Ada; Bo", "", "'"):
        assert escape_formula(cell) == cell


@given(st.text(alphabet='a=-;, \t\n"@', max_size=12))
@examples(200)
def test_every_escaped_cell_is_read_as_it_was(cell: str) -> None:
    assert unescape_formula(escape_formula(cell)) == cell
