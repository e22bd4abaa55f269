"""Prometheus metrics of the service; BentoML merges them over its workers and serves them at /metrics."""

from functools import cache

from prometheus_client import Counter, Gauge, Histogram

from bentos.runtime.answer import Answer

_BUCKETS_S = (0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """What is counted. Made once per process, after BentoML has set the multiprocess directory."""

    def __init__(self) -> None:
        """Register every metric."""
        self.pills = Counter("rxvision_pills_total", "Pills answered, by status and route", ["status", "route"])
        self.refusals = Counter("rxvision_refusals_total", "Requests without an answer, by code", ["code"])
        self.answer_s = Histogram("rxvision_answer_seconds", "From picture to journalled answer", buckets=_BUCKETS_S)
        self.in_flight = Gauge("rxvision_in_flight", "Requests held", multiprocess_mode="livesum")
        self.ready = Gauge("rxvision_ready", "Workers with a release loaded", multiprocess_mode="livesum")
        self.releases = Counter("rxvision_release_loads_total", "Releases loaded or refused", ["outcome"])

    def answered(self, answer: Answer, *, seconds: float) -> None:
        """Count one answer."""
        self.answer_s.observe(seconds)
        for pill in answer.pills:
            self.pills.labels(pill.status, pill.explanation.route).inc()


@cache
def metrics() -> Metrics:
    """The process's metrics."""
    return Metrics()
