"""Sequences across restored backups, and ids that follow from a cause."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from shared.clock import SystemClock, derived_id
from shared.epochs import (
    count_of,
    epoch_of,
    highest_accepted,
    is_plausible,
    is_plausible_after_any,
    is_within_reach,
    raised,
    superseding,
)

COUNTS = st.integers(0, 10**9)
EPOCHS = st.integers(0, 8000)


@given(COUNTS, EPOCHS, EPOCHS)
def test_a_count_survives_its_epochs_and_a_later_one_is_always_newer(count: int, first: int, second: int) -> None:
    sequence = raised(raised(count, first), second)
    assert (epoch_of(sequence), count_of(sequence)) == (second, count)
    assert raised(0, second + 1) > sequence
    assert sequence < 2**53, "exact in JavaScript"


@given(st.text(), st.text())
def test_an_id_derived_from_a_cause_is_stable_and_a_uuid7(cause: str, of: str) -> None:
    made = uuid.UUID(derived_id(cause, of))
    assert (made.version, made.variant) == (7, uuid.RFC_4122)
    assert derived_id(cause, of) == str(made)
    assert derived_id(cause, f"{of}x") != str(made)


def test_an_id_derived_from_a_cause_has_the_cause_s_time() -> None:
    cause = SystemClock().new_id()
    assert uuid.UUID(derived_id(cause, "x")).int >> 80 == uuid.UUID(cause).int >> 80


@given(st.integers(0, 10**9), st.integers(0, 8000), st.integers(0, 1_000_000), st.integers(0, 8))
def test_a_reader_that_missed_changes_and_restored_backups_goes_on(
    count: int, epoch: int, missed: int, restored: int
) -> None:
    assert is_plausible(raised(count + missed, epoch + restored), after=raised(count, epoch))


@given(st.integers(0, 10**9), st.integers(0, 8000))
def test_a_jump_that_no_reader_could_have_missed_is_not_plausible(count: int, epoch: int) -> None:
    known = raised(count, epoch)
    assert not is_plausible(raised(count + 1_000_001, epoch), after=known)
    assert not is_plausible(raised(count, epoch + 9), after=known)
    assert is_plausible(max(known - 1, 0), after=known), "a late record is only old"


def test_a_first_sequence_is_bounded_too() -> None:
    assert is_plausible(raised(1_000_000, 100), after=None)
    assert not is_plausible(raised(1_000_001, 0), after=None)
    assert not is_plausible(raised(1, 101), after=None)


@given(st.integers(0, 2**53 - 1), st.integers(0, 2**53 - 1))
def test_a_sequence_plausible_after_every_other_needs_no_query(sequence: int, known: int) -> None:
    if is_plausible_after_any(sequence):
        assert is_plausible(sequence, after=known)
        assert is_plausible(sequence, after=None)


@given(COUNTS, st.integers(0, 8000), st.integers(0, 20))
def test_the_epoch_of_a_restored_store_is_accepted_by_its_readers(count: int, own: int, ahead: int) -> None:
    found = raised(count, own + ahead)
    if is_within_reach(found, epoch=own):
        assert is_plausible(raised(count + 1, epoch_of(found) + 1), after=raised(count, own))


@given(st.integers(1, 500_000), st.integers(0, 80), st.integers(1, 1_000_000), st.integers(0, 7))
def test_every_reader_accepts_the_state_that_supersedes_a_forged_sequence(
    count: int, epoch: int, jump: int, epochs: int
) -> None:
    own = raised(count, epoch)
    forged = raised(count + jump, epoch + epochs)
    above = superseding(own, forged)
    assert above > forged
    assert all(is_plausible(above, after=known) for known in (own, forged, None))
    assert is_plausible(above + 1, after=above)


def test_sequences_that_readers_refused_are_not_superseded() -> None:
    assert highest_accepted(5, [3, 4, 5]) == 5
    assert highest_accepted(5, [5, 2_000_000]) == 5
    assert highest_accepted(5, [1_900_000, 1_000_000, 4]) == 1_900_000
