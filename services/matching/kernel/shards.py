"""Which part of the mentees a mentee belongs to: the unit that one process holds at a time."""

from services.matching.kernel.scoring import seed

SHARDS = 16
"""Changing it moves every mentee: all processes stop first."""


def shard_of(mentee: str) -> int:
    return seed(mentee) % SHARDS


def fair_share(replicas: int) -> int:
    """How many shards one of so many replicas holds at most."""
    return -(-SHARDS // max(1, replicas))
