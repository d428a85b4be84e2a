"""What mentors carry, and that no sum tells of few."""

from hypothesis import given
from hypothesis import strategies as st

from services.matching.exchange.load.domain import LEAST_GROUP, Load, large_groups, total
from services.matching.kernel import scoring
from services.matching.kernel.participants import Person
from tests.unit.matching_people import mentor

loads = st.builds(
    Load,
    seats=st.integers(0, 9),
    taken=st.integers(0, 9),
    hours=st.integers(0, 20),
    unanswered=st.integers(0, 9),
)


def load(**fields: int) -> Load:
    return Load(**{"seats": 2, "taken": 1, "hours": 6, "unanswered": 0, **fields})


def test_each_taken_seat_promises_an_equal_share_of_the_hours() -> None:
    assert load().promised == 3
    assert load(taken=0).promised == 0
    assert load(taken=3).promised == 9, "more is promised than given, where seats were lowered"
    assert load(seats=0, taken=2).promised == 6, "a pause promises all to those who stay"
    assert load(seats=0, taken=0).promised == 0


@given(st.dictionaries(st.sampled_from("abcd"), st.lists(loads, max_size=8)))
def test_a_group_of_fewer_than_five_is_in_no_sum(groups: dict[str, list[Load]]) -> None:
    seen = large_groups(groups)
    assert all(len(known) >= LEAST_GROUP for known in seen.values())
    overall = total(load for known in seen.values() for load in known)
    each = [total(known) for known in seen.values()]
    assert overall.mentors == sum(load.mentors for load in each) != 1
    assert (overall.taken, overall.unanswered) == (
        sum(load.taken for load in each),
        sum(load.unanswered for load in each),
    )


def test_a_pending_request_weighs_like_a_taken_seat_and_removes_no_mentor() -> None:
    def room(taken: int, asked: int) -> int:
        known = mentor(capacity=4)
        return scoring.free_seat_percent(Person(known.member, known.private, taken, asked=asked))

    assert (room(0, 0), room(1, 0), room(0, 1), room(2, 1), room(3, 9)) == (100, 75, 75, 25, 0)
