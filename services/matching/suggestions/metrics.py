"""Prometheus metrics of lists and rounds."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.matching.suggestions.updater import ListUpdater

_LATENCIES = (0.002, 0.004, 0.006, 0.008, 0.012, 0.02, 0.05, 0.1, 0.5, 1, 5, 30)


_ROUND_SECONDS = (1, 5, 15, 30, 60, 120, 300, 900, 3600)


class Rounds:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._took = Histogram(
            "matching_round_seconds",
            "From claiming a round to storing its result or its errors",
            ["result"],
            buckets=_ROUND_SECONDS,
            registry=registry,
        )
        for result in ("solved", "failed"):
            self._took.labels(result)

    def solved(self, seconds: float) -> None:
        self._took.labels("solved").observe(seconds)

    def failed(self, seconds: float) -> None:
        self._took.labels("failed").observe(seconds)


class Metrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._computed = Counter("matching_lists_computed", "Lists computed", registry=registry)
        self._published = Counter("matching_list_changes_published", "List changes published", registry=registry)
        self._took = Histogram(
            "matching_own_change_seconds",
            "From reading a person's own change to committing their list",
            buckets=_LATENCIES,
            registry=registry,
        )
        self._audited = Counter("matching_audit_lists", "Lists that the audit computed", registry=registry)
        self._differences = Counter(
            "matching_audit_differences", "Lists that differed from what was stored: must be 0", registry=registry
        )
        self._shards = Gauge("matching_shards_held", "Shards that this process holds", registry=registry)
        self._waiting = Gauge(
            "matching_renewals_waiting",
            "Lists waiting for renewal, and changed mentors not yet processed",
            registry=registry,
        )

    def audited(self, *, differs: bool) -> None:
        self._audited.inc()
        self._differences.inc(differs)

    def computed(self, lists: int) -> None:
        self._computed.inc(lists)

    def published(self, events: int) -> None:
        self._published.inc(events)

    def own_change_took(self, seconds: float) -> None:
        self._took.observe(seconds)

    def follow(self, updater: ListUpdater) -> None:
        """Reads the gauges from this updater at each scrape."""
        self._shards.set_function(lambda: len(updater.fences))
        self._waiting.set_function(lambda: updater.waiting)
