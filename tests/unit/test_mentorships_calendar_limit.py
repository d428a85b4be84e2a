"""How often a calendar may be read."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.mentorships.calendars.domain import ReadLimit
from tests.unit.mentorships_people import NOW

HOUR = timedelta(hours=1)


@given(gaps=st.lists(st.integers(0, 1_800), max_size=60))
def test_no_hour_has_more_reads_than_a_burst_and_an_hours_share(gaps: list[int]) -> None:
    limit, now, allowed = ReadLimit(reads=4, period=HOUR), NOW, []
    for gap in gaps:
        now += timedelta(seconds=gap)
        wait = limit.wait("a", now)
        if wait is None:
            allowed.append(now)
        else:
            assert timedelta() < wait <= HOUR / 4
    assert all(sum(at <= other < at + HOUR for other in allowed) <= 8 for at in allowed)


def test_who_reads_steadily_is_never_refused_and_a_wait_is_long_enough() -> None:
    limit = ReadLimit(reads=4, period=HOUR)
    assert [limit.wait("a", NOW + n * HOUR / 4) for n in range(100)] == [None] * 100
    later = NOW + 1_000 * HOUR
    assert [limit.wait("a", later) for _ in range(4)] == [None] * 4
    wait = limit.wait("a", later)
    assert wait == HOUR / 4
    assert limit.wait("a", later + wait) is None


def test_the_longest_unread_address_is_forgotten() -> None:
    limit = ReadLimit(reads=1, period=HOUR, addresses=2)
    assert [limit.wait(name, NOW) for name in ("a", "b", "c")] == [None] * 3
    assert limit.wait("a", NOW) is None
    assert limit.wait("c", NOW) is not None
