"""A sequence's high bits are its epoch: what is told after a backup was restored is newer than all told before.

Counting goes on in the low bits, which no aggregate outgrows. Below epoch 8,191 the whole is exact in JavaScript too.
"""

from collections.abc import Iterable

_BITS = 40
_COUNT_JUMP = 1_000_000
"""No reader misses more changes of one aggregate. A first sequence is bounded by it, too."""
_EPOCH_JUMP = 8
"""No reader misses so many restored backups."""
_FIRST_EPOCH = 100
"""Above what restoring backups leads to in a network's life."""


def epoch_of(sequence: int) -> int:
    return sequence >> _BITS


def count_of(sequence: int) -> int:
    return sequence & ((1 << _BITS) - 1)


def raised(sequence: int, epoch: int) -> int:
    """The same count in that epoch."""
    return epoch << _BITS | count_of(sequence)


def is_plausible(sequence: int, *, after: int | None) -> bool:
    """Whether an aggregate may have gone on to this sequence; `after` is the last known one, None for none.

    A lower sequence is plausible: a record may come late, and is not applied then.
    """
    if after is not None and sequence <= after:
        return True
    jump = count_of(sequence) - count_of(after or 0)
    epochs = epoch_of(sequence) - epoch_of(after or 0)
    return jump <= _COUNT_JUMP and epochs <= (_FIRST_EPOCH if after is None else _EPOCH_JUMP)


def is_plausible_after_any(sequence: int) -> bool:
    """Whether no last known sequence makes this one implausible, so that none need be looked up."""
    return is_plausible(sequence, after=0)


def is_within_reach(sequence: int, *, epoch: int) -> bool:
    """Whether a restored store of that epoch may take this sequence for its own: readers take the epoch after it."""
    return epoch_of(sequence) - epoch < _EPOCH_JUMP


def superseding(own: int, highest: int) -> int:
    """A sequence above both that every reader accepts: one that knows `own`, one that knows `highest`, and a new one.

    `highest` is plausible after `own`. A new epoch where possible: the count stays small, as a new reader needs it.
    """
    in_next_epoch = raised(own, epoch_of(highest) + 1) + 1
    return in_next_epoch if is_plausible(in_next_epoch, after=own) else highest + 1


def highest_accepted(own: int, found: Iterable[int]) -> int:
    """The highest of these sequences that a reader may have accepted, one after another, who began at `own`."""
    highest = own
    for sequence in sorted(found):
        if is_plausible(sequence, after=highest):
            highest = max(highest, sequence)
    return highest
