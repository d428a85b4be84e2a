"""A sequence's high bits are its epoch: what is told after a backup was restored is newer than all told before.

Counting goes on in the low bits, which no aggregate outgrows. Below epoch 8,191 the whole is exact in JavaScript too.
"""

_BITS = 40


def epoch_of(sequence: int) -> int:
    return sequence >> _BITS


def count_of(sequence: int) -> int:
    return sequence & ((1 << _BITS) - 1)


def raised(sequence: int, epoch: int) -> int:
    """The same count in that epoch."""
    return epoch << _BITS | count_of(sequence)
