"""Sequences with an epoch in their high bits: events published after a restored backup are newer than all before it.

The low 40 bits count an aggregate's changes. Below epoch 8,191 a sequence is exact in JavaScript too.
"""

from collections.abc import Iterable

_BITS = 40
_COUNT_JUMP = 1_000_000
"""The most changes of one aggregate that a reader can have missed. It bounds a first sequence too."""
_EPOCH_JUMP = 8
"""The most restored backups that a reader can have missed."""
_FIRST_EPOCH = 100
"""The highest epoch of a first sequence: more restored backups than any network has in its life."""


def epoch_of(sequence: int) -> int:
    return sequence >> _BITS


def count_of(sequence: int) -> int:
    return sequence & ((1 << _BITS) - 1)


def raised(sequence: int, epoch: int) -> int:
    """The sequence with the same count and the given epoch."""
    return epoch << _BITS | count_of(sequence)


def is_plausible(sequence: int, *, after: int | None) -> bool:
    """Whether an aggregate can have reached this sequence. `after` is its last known sequence, None if none is known.

    A lower sequence is plausible: the record is late, and is not applied.
    """
    if after is not None and sequence <= after:
        return True
    jump = count_of(sequence) - count_of(after or 0)
    epochs = epoch_of(sequence) - epoch_of(after or 0)
    return jump <= _COUNT_JUMP and epochs <= (_FIRST_EPOCH if after is None else _EPOCH_JUMP)


def is_plausible_after_any(sequence: int) -> bool:
    """Whether the sequence is plausible whatever the last known sequence is, so that no query is needed."""
    return is_plausible(sequence, after=0)


def is_within_reach(sequence: int, *, epoch: int) -> bool:
    """Whether a restored store of that epoch may adopt this sequence: readers still accept the epoch after it."""
    return epoch_of(sequence) - epoch < _EPOCH_JUMP


def superseding(own: int, highest: int) -> int:
    """A sequence above both that every reader accepts, whether its last known sequence is `own`, `highest` or none.

    `highest` must be plausible after `own`. Begins a new epoch where possible: a new reader accepts only small counts.
    """
    in_next_epoch = raised(own, epoch_of(highest) + 1) + 1
    return in_next_epoch if is_plausible(in_next_epoch, after=own) else highest + 1


def highest_accepted(own: int, found: Iterable[int]) -> int:
    """The highest of the `found` sequences that a reader whose last known sequence was `own` can have accepted."""
    highest = own
    for sequence in sorted(found):
        if is_plausible(sequence, after=highest):
            highest = max(highest, sequence)
    return highest
