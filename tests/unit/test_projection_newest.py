"""Of a batch, a projection writes each key's newest state only."""

from hypothesis import given
from hypothesis import strategies as st

from shared.consuming.projection import newest
from shared.contracts.envelope import Envelope, Received, Trace


def state(subject: str, sequence: int, id: str = "x", institution: str = "i") -> Received:
    envelope = Envelope(
        id=id,
        type="t",
        institution=institution,
        subject=subject,
        sequence=sequence,
        time=None,
        trace=Trace(correlation_id="c"),
    )
    return Received(envelope, None)


states = st.lists(st.builds(state, st.sampled_from("abc"), st.integers(0, 9), st.uuids().map(str)), max_size=30)


@given(states)
def test_each_key_is_left_with_its_highest_sequence(batch: list[Received]) -> None:
    left = {record.envelope.key: record.envelope.sequence for record in newest(batch)}
    highest: dict[str, int] = {}
    for record in batch:
        highest[record.envelope.key] = max(highest.get(record.envelope.key, 0), record.envelope.sequence)
    assert left == highest
    assert len(newest(batch)) == len(left)


@given(states)
def test_what_is_newest_already_stays_as_it_is(batch: list[Received]) -> None:
    assert newest(newest(batch)) == newest(batch)


def test_of_two_records_with_the_same_sequence_the_later_offset_counts() -> None:
    assert newest([state("a", 3, "first"), state("a", 3, "second")]) == [state("a", 3, "second")]


def test_the_same_id_in_two_institutions_is_two_aggregates() -> None:
    assert len(newest([state("a", 1, institution="i"), state("a", 2, institution="j")])) == 2
