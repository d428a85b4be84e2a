"""When a row may be sent as it rang, and when only a find can tell what is pending."""

from typing import Any

from shared.outbox.wake_up import WakeUps


class Clock:
    def __init__(self) -> None:
        self.at = 0.0

    def monotonic(self) -> float:
        return self.at


def row(id: str, *, bulk: bool = False) -> dict[str, Any]:
    return {"_id": id, "bulk": bulk}


def open_and_looked(clock: Clock | None = None) -> WakeUps:
    rings = WakeUps(clock or Clock())  # type: ignore[arg-type] -- all that rings ask of a clock
    rings.open()
    rings.begin_anew()
    return rings


def ids(rows: list[dict[str, Any]] | None) -> list[str] | None:
    return None if rows is None else [one["_id"] for one in rows]


def test_after_a_look_what_rings_is_taken_in_its_order_and_once() -> None:
    rings = open_and_looked()
    rings.hear(row("b"))
    rings.hear(row("a"))
    assert ids(rings.take()) == ["b", "a"]
    assert ids(rings.take()) == []


def test_a_look_that_began_before_the_stream_was_open_proves_nothing() -> None:
    """Between the two a row may have been committed that never rings."""
    rings = WakeUps(Clock())  # type: ignore[arg-type]
    rings.begin_anew()
    rings.open()
    rings.hear(row("a"))
    assert rings.take() is None


def test_a_bulk_row_makes_a_find_necessary_until_the_next_look() -> None:
    rings = open_and_looked()
    rings.hear(row("import", bulk=True))
    rings.hear(row("own"))
    assert rings.take() is None
    rings.begin_anew()
    assert ids(rings.take()) == [], "the look found it"


def test_more_than_a_few_are_found() -> None:
    rings = open_and_looked()
    for n in range(33):
        rings.hear(row(str(n)))
    assert rings.take() is None


def test_a_failure_makes_a_find_necessary() -> None:
    rings = open_and_looked()
    rings.distrust()
    rings.hear(row("later of the same key"))
    assert rings.take() is None


def test_what_was_found_and_sent_is_not_taken_when_it_rings_late() -> None:
    clock = Clock()
    rings = open_and_looked(clock)
    rings.sent([row("a")])
    clock.at = 59
    rings.hear(row("a"))
    rings.hear(row("b"))
    assert ids(rings.take()) == ["b"]


def test_what_was_sent_is_remembered_for_a_minute_and_while_it_is_much_rows_are_found() -> None:
    clock = Clock()
    rings = open_and_looked(clock)
    rings.sent([row(str(n)) for n in range(20_001)])
    assert rings.take() is None
    clock.at = 61
    assert ids(rings.take()) == []
