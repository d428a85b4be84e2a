"""Where the time of a change goes, read from the events themselves: when each was made, and when Kafka was given it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise

from aiokafka import AIOKafkaConsumer

from bench.figures import Figure, percentile
from bench.site import BenchmarkContext
from shared import kafka

_TOPICS = ("profiles.members", "matching.events", "notifications.events")
_NAMES = (
    "profile decided → given to Kafka",
    "given to Kafka → list decided",
    "list decided → given to Kafka",
    "given to Kafka → notification decided",
    "notification decided → given to Kafka",
)


def correlation(mentee: str) -> str:
    return f"bench-{mentee}"


async def hops(context: BenchmarkContext, mentees: Iterable[str]) -> list[Figure]:
    """The p50 of each hop of these mentees' changes."""
    moments: dict[str, dict[str, tuple[float, float]]] = {correlation(mentee): {} for mentee in mentees}
    for topic in _TOPICS:
        for of_change, made, given in await _moments(context, topic):
            if of_change in moments:
                moments[of_change].setdefault(topic, (made, given))
    complete = [found for found in moments.values() if len(found) == len(_TOPICS)]
    whole = [[at for topic in _TOPICS for at in found[topic]] for found in complete]
    took = [[later - earlier for earlier, later in pairwise(times)] for times in whole]
    return [
        Figure(name=name, value=percentile([times[position] for times in took], 50) * 1000, unit="ms")
        for position, name in enumerate(_NAMES)
        if took
    ]


async def _moments(context: BenchmarkContext, topic: str) -> Sequence[tuple[str, float, float]]:
    """(correlation id, made, given to Kafka) of all there is, in seconds of the epoch."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka.servers(context.bootstrap), auto_offset_reset="earliest")
    await consumer.start()
    try:
        places = consumer.assignment()
        ends = await consumer.end_offsets(places)
        found: list[tuple[str, float, float]] = []
        while any([await consumer.position(place) < ends[place] for place in places]):
            for records in (await consumer.getmany(timeout_ms=500)).values():
                found += [_moment(dict(record.headers), record.timestamp / 1000) for record in records]
    finally:
        await consumer.stop()
    return found


def _moment(headers: dict[str, bytes], given: float) -> tuple[str, float, float]:
    made = datetime.fromisoformat(headers["ce_time"].decode()).timestamp()
    return headers["ce_correlationid"].decode(), made, given
