"""Sequences across restored backups, and ids that follow from a cause."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from shared.clock import SystemClock, derived_id
from shared.epochs import count_of, epoch_of, raised

COUNTS = st.integers(0, 10**9)
EPOCHS = st.integers(0, 8000)


@given(COUNTS, EPOCHS, EPOCHS)
def test_a_count_survives_its_epochs_and_a_later_one_is_always_newer(count: int, first: int, second: int) -> None:
    sequence = raised(raised(count, first), second)
    assert (epoch_of(sequence), count_of(sequence)) == (second, count)
    assert raised(0, second + 1) > sequence
    assert sequence < 2**53, "exact in JavaScript"


@given(st.text(), st.text())
def test_what_follows_from_a_cause_has_one_id_and_it_is_a_uuid7(cause: str, of: str) -> None:
    made = uuid.UUID(derived_id(cause, of))
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert derived_id(cause, of) == str(made)
    assert derived_id(cause, f"{of}x") != str(made)


def test_it_carries_the_cause_s_own_time() -> None:
    cause = SystemClock().new_id()
    assert uuid.UUID(derived_id(cause, "x")).int >> 80 == uuid.UUID(cause).int >> 80
