"""Prometheus metrics of the service, merged over its workers."""

from functools import cache
from pathlib import Path

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from psutil import pid_exists

from bentos.runtime.answer import Answer

MEDIA_TYPE = CONTENT_TYPE_LATEST
_BUCKETS_S = (0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """What is counted. Made once per process, after BentoML has set the multiprocess directory.

    No label takes a caller's text: BentoML's own metrics label by path, so that a scanner fills the memory.
    """

    def __init__(self) -> None:
        """Register every metric."""
        self.requests = Counter("rxvision_requests_total", "Requests, by route and status", ["route", "status"])
        self.request_s = Histogram("rxvision_request_seconds", "Whole requests", ["route"], buckets=_BUCKETS_S)
        self.pills = Counter("rxvision_pills_total", "Pills answered, by status and route", ["status", "route"])
        self.refusals = Counter("rxvision_refusals_total", "Requests without an answer, by code", ["code"])
        self.answer_s = Histogram("rxvision_answer_seconds", "From picture to journalled answer", buckets=_BUCKETS_S)
        self.in_flight = Gauge("rxvision_in_flight", "Requests held", multiprocess_mode="livesum")
        self.expected_s = Gauge(
            "rxvision_expected_answer_seconds", "How long an answer takes a thread now", multiprocess_mode="livemax"
        )
        self.degraded = Counter("rxvision_degraded_total", "Answers by the fast network alone, under overload")
        self.cache = Counter("rxvision_cache_total", "Answers looked up, by what came of it", ["outcome"])
        self.ready = Gauge("rxvision_ready", "Workers with a release loaded", multiprocess_mode="livesum")
        self.releases = Counter("rxvision_release_loads_total", "Releases loaded or refused", ["outcome"])
        self.variants = Counter(
            "rxvision_variant_answers_total", "Answers, by variant and outcome", ["variant", "outcome"]
        )
        self.decisions = Counter("rxvision_rollout_decisions_total", "Withdrawals and pauses", ["action", "variant"])

    def answered(self, answer: Answer, *, seconds: float) -> None:
        """Count one answer."""
        self.answer_s.observe(seconds)
        for pill in answer.pills:
            self.pills.labels(pill.status, pill.explanation.route).inc()
        if answer.degraded:
            self.degraded.inc()

    def requested(self, *, route: str, status: int | str, seconds: float) -> None:
        """Count one request by its route's template, or one call by its method."""
        self.requests.labels(route, str(status)).inc()
        self.request_s.labels(route).observe(seconds)


@cache
def metrics() -> Metrics:
    """The process's metrics."""
    return Metrics()


def exposition(multiprocess_dir: Path | None) -> bytes:
    """All workers' metrics in Prometheus' text format, or this process's where it is the only one."""
    if multiprocess_dir is None:
        return generate_latest(REGISTRY)
    for pid in _killed(multiprocess_dir):
        leave(multiprocess_dir, pid=pid)
    merged = CollectorRegistry()
    MultiProcessCollector(merged, path=str(multiprocess_dir))
    return generate_latest(merged)


def _killed(multiprocess_dir: Path) -> set[int]:
    """Workers that ended without `leave`, and would count as alive for ever."""
    pids = {int(path.stem.rpartition("_")[2]) for path in multiprocess_dir.glob("gauge_live*_*.db")}
    return {pid for pid in pids if not pid_exists(pid)}


def leave(multiprocess_dir: Path | None, *, pid: int) -> None:
    """Take a worker that ends out of the live gauges."""
    if multiprocess_dir is not None:
        mark_process_dead(pid, path=str(multiprocess_dir))
