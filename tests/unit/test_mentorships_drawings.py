"""The drawn state machines are those of the code, all of them."""

from pathlib import Path

import pytest

from deploy.machines import MACHINES, PAGE, drawn

SERVICE = Path(__file__).parents[2] / "services" / "mentorships"


def test_the_page_shows_the_tables_of_the_code() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == drawn(page), "run ./dev machines"


def test_every_state_machine_is_drawn() -> None:
    tables = [path for path in SERVICE.rglob("*.py") if "= StateMachine(" in path.read_text(encoding="utf-8")]
    assert len(MACHINES) == len(tables)


def test_a_page_without_a_place_for_drawings_is_refused() -> None:
    with pytest.raises(ValueError, match="needs the lines"):
        drawn("# Mentorships\n")
