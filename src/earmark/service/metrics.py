"""What the service counts and times, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from earmark.ports import Entry
from earmark.types import Answer

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
LATENCIES_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """Figures in a registry of their own, so that several services may live in one process."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._registry = registry
        ProcessCollector(registry=registry)  # memory, processor time, open files; Linux only
        self._requests = Counter(
            "earmark_http_requests_total",
            "Requests answered.",
            ("route", "method", "status"),
            registry=registry,
        )
        self._latency = Histogram(
            "earmark_http_request_seconds",
            "Time from a request's head to its last byte.",
            ("route",),
            registry=registry,
            buckets=LATENCIES_S,
        )
        self._stages = Histogram(
            "earmark_stage_seconds",
            "Time of one stage of an identification.",
            ("stage",),
            registry=registry,
            buckets=LATENCIES_S,
        )
        self._outcomes = Counter(
            "earmark_answers_total",
            "Answers by outcome and by the kind of the best match.",
            ("outcome", "kind"),
            registry=registry,
        )
        self._rejected = Counter(
            "earmark_rejected_total", "Requests refused, by code.", ("code",), registry=registry
        )
        self._detections = Counter(
            "earmark_detections_total",
            "Detections that have closed here, by what is to happen with them.",
            ("action", "kind"),
            registry=registry,
        )
        self._gauges: list[Gauge] = []

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request; ``route`` is its template, so that labels stay few."""
        self._requests.labels(route, method, str(status)).inc()
        self._latency.labels(route).observe(seconds)

    def answered(self, answer: Answer) -> None:
        """Count an answer and the time of its stages."""
        kind = answer.matches[0].kind if answer.matches else "none"
        self._outcomes.labels(answer.outcome, kind).inc()
        for stage, spent_ms in answer.timing_ms.items():
            self._stages.labels(stage).observe(spent_ms / 1000.0)

    def rejected(self, code: str) -> None:
        """Count a request that was refused with an error's code."""
        self._rejected.labels(code).inc()

    def detected(self, entry: Entry) -> None:
        """Count a detection that is over."""
        self._detections.labels(entry.action, entry.detection.kind).inc()

    def gauge(self, name: str, about: str, value: Callable[[], float]) -> None:
        """Show a value that is asked for at each reading."""
        gauge = Gauge(f"earmark_{name}", about, registry=self._registry)
        gauge.set_function(value)
        self._gauges.append(gauge)

    def text(self) -> bytes:
        """Return everything in Prometheus' text format; asks every gauge."""
        return generate_latest(self._registry)
