"""Counts for Prometheus: of the process, never of one organization."""

from collections.abc import Awaitable, Callable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from cloud.infrastructure.cache.layered_cache import LayeredCache

#: Returns how many jobs of each queue are in each state.
JobCounts = Callable[[], Awaitable[dict[str, dict[str, int]]]]


class _CacheCounts:
    def __init__(self, cache: LayeredCache) -> None:
        self._cache = cache

    def collect(self) -> Iterator[Metric]:
        """Yield what the cache has counted."""
        asked = CounterMetricFamily(
            "kyndof_cache_answers", "Answers by level; miss: the database was asked.",
            labels=["region", "level"],
        )  # fmt: skip
        for (region, level), count in sorted(self._cache.counted.items()):
            asked.add_metric([region, level], count)
        yield asked
        ratio = GaugeMetricFamily(
            "kyndof_cache_hit_ratio", "Part of the answers without the database.",
            labels=["region"],
        )  # fmt: skip
        for region in sorted({region for region, _ in self._cache.counted}):
            ratio.add_metric([region], self._cache.hit_ratio(region))
        yield ratio
        yield GaugeMetricFamily(
            "kyndof_cache_held_characters", "Characters that this process keeps.",
            value=self._cache.held_count,
        )  # fmt: skip


class Metrics:
    """Writes the page that Prometheus reads."""

    def __init__(self, cache: LayeredCache, jobs: JobCounts) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_CacheCounts(cache))
        self._jobs = jobs

    async def page(self) -> bytes:
        """Return the exposition text."""
        counts = await self._jobs()
        lines = ["# HELP kyndof_jobs Jobs by queue and state.", "# TYPE kyndof_jobs gauge"]
        lines += [
            f'kyndof_jobs{{queue="{queue}",state="{state}"}} {count}'
            for queue, states in counts.items()
            for state, count in states.items()
        ]
        return generate_latest(self._registry) + ("\n".join(lines) + "\n").encode()
