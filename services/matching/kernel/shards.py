"""Assigns mentees to shards. One process holds a shard at a time."""

from services.matching.kernel.scoring import seed

SHARDS = 16
"""A change moves mentees between shards, so all processes must be stopped first."""


def shard_of(mentee: str) -> int:
    return seed(mentee) % SHARDS


def fair_share(replicas: int) -> int:
    """Maximum number of shards that each replica holds."""
    return -(-SHARDS // max(1, replicas))
