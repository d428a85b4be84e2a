"""Bulk rows trickle: no more than their rate, whatever the clock does, and never a burst after a quiet hour."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from shared.outbox.scheduler import Allowance

RATE = 2_000


class Clock:
    at = 50.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)

    def monotonic(self) -> float:
        return self.at

    def new_id(self) -> str:
        raise NotImplementedError


def allowance() -> tuple[Allowance, Clock]:
    clock = Clock()
    return Allowance(clock, per_second=RATE), clock


def test_after_a_quiet_hour_a_tenth_of_a_second_is_allowed_and_no_more() -> None:
    allowed, clock = allowance()
    clock.at += 3600
    assert allowed.now() == RATE // 10
    allowed.spend(RATE // 10)
    assert allowed.now() == 0


def test_unused_allowance_is_kept() -> None:
    allowed, _ = allowance()
    assert [allowed.now(), allowed.now()] == [RATE // 10, RATE // 10]


def test_half_a_row_of_allowance_is_kept_for_later() -> None:
    allowed, clock = allowance()
    allowed.spend(allowed.now())
    for _ in range(2):
        assert allowed.now() == 0
        clock.at += 0.6 / RATE
    assert allowed.now() == 1


@given(st.lists(st.floats(0, 0.5), min_size=1, max_size=60))
def test_a_sender_that_uses_its_whole_allowance_keeps_to_the_rate(waits: list[float]) -> None:
    allowed, clock = allowance()
    spent = 0
    for wait in waits:
        clock.at += wait
        rows = allowed.now()
        assert 0 <= rows <= RATE // 10
        allowed.spend(rows)
        spent += rows
    assert spent <= RATE / 10 + sum(waits) * RATE + 1
