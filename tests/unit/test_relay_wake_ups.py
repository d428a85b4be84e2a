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
    wake_ups = WakeUps(clock or Clock())  # type: ignore[arg-type] -- all that wake_ups ask of a clock
    wake_ups.open()
    wake_ups.reset()
    return wake_ups


def ids(rows: list[dict[str, Any]] | None) -> list[str] | None:
    return None if rows is None else [row["_id"] for row in rows]


def test_after_a_query_rows_from_the_change_stream_are_taken_in_order_and_once() -> None:
    wake_ups = open_and_looked()
    wake_ups.on_insert(row("b"))
    wake_ups.on_insert(row("a"))
    assert ids(wake_ups.take()) == ["b", "a"]
    assert ids(wake_ups.take()) == []


def test_a_query_begun_before_the_stream_was_open_does_not_count() -> None:
    """Between the two a row may have been committed that never wake_ups."""
    wake_ups = WakeUps(Clock())  # type: ignore[arg-type]
    wake_ups.reset()
    wake_ups.open()
    wake_ups.on_insert(row("a"))
    assert wake_ups.take() is None


def test_a_bulk_row_makes_a_query_necessary() -> None:
    wake_ups = open_and_looked()
    wake_ups.on_insert(row("import", bulk=True))
    wake_ups.on_insert(row("own"))
    assert wake_ups.take() is None
    wake_ups.reset()
    assert ids(wake_ups.take()) == [], "the look found it"


def test_many_pending_rows_are_queried() -> None:
    wake_ups = open_and_looked()
    for n in range(33):
        wake_ups.on_insert(row(str(n)))
    assert wake_ups.take() is None


def test_a_failure_makes_a_query_necessary() -> None:
    wake_ups = open_and_looked()
    wake_ups.mark_incomplete()
    wake_ups.on_insert(row("later of the same key"))
    assert wake_ups.take() is None


def test_a_row_already_sent_is_not_taken_from_a_late_change_event() -> None:
    clock = Clock()
    wake_ups = open_and_looked(clock)
    wake_ups.mark_sent([row("a")])
    clock.at = 59
    wake_ups.on_insert(row("a"))
    wake_ups.on_insert(row("b"))
    assert ids(wake_ups.take()) == ["b"]


def test_sent_rows_are_remembered_for_a_minute_and_many_make_a_query_necessary() -> None:
    clock = Clock()
    wake_ups = open_and_looked(clock)
    wake_ups.mark_sent([row(str(n)) for n in range(20_001)])
    assert wake_ups.take() is None
    clock.at = 61
    assert ids(wake_ups.take()) == []
