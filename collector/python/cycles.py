"""Cycles and steps as Cyclewatch reads them, with nothing but OpenTelemetry.

Copy this file into your job and change what does not fit: the attributes alone matter, and collector/README.md lists
them. Secrets stay here: texts leave without passwords in URLs and without the values of their parameters.
"""

from __future__ import annotations

import re
import resource
import socket
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from typing import Literal, TypeVar

from opentelemetry import trace
from opentelemetry._logs import LogRecord, get_logger, set_logger_provider
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode
from opentelemetry.util.types import AttributeValue

Kind = Literal["fetch", "db", "cache", "wait", "compute"]
Reason = Literal["backoff", "rate_limit", "queue", "breaker"]
Attributes = Mapping[str, AttributeValue]
Item = TypeVar("Item")
Result = TypeVar("Result")

TOTALS = {
    "cycle.calls": 0,
    "cycle.retries": 0,
    "cycle.queries": 0,
    "cycle.db_ms": 0,
    "cycle.wait_ms": 0,
    "cycle.cache.hits": 0,
    "cycle.cache.misses": 0,
    "cycle.bytes.received": 0,
    "cycle.bytes.sent": 0,
}


def start_telemetry(service: str, version: str, attributes: Attributes | None = None) -> None:
    """Call it once. Sends to OTEL_EXPORTER_OTLP_ENDPOINT, else to http://localhost:4318; the last when Python ends."""
    own = {"service.name": service, "service.version": version, "host.name": socket.gethostname()}
    about = Resource.create({**(attributes or {}), **own})
    # Every cycle counts, so nothing is sampled; the queue holds what a large cycle leaves behind at once.
    traces = TracerProvider(resource=about, sampler=ALWAYS_ON)
    traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(), 65_536, 1_000))
    trace.set_tracer_provider(traces)
    logs = LoggerProvider(resource=about)
    logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter(), 1_000))
    set_logger_provider(logs)


@contextmanager
def cycle(name: str, trigger: Literal["schedule", "manual", "ci"] = "schedule") -> Iterator[Run]:
    """One run of a job: always a new trace. The one it is called from becomes a link."""
    run = Run(name, trigger)
    outcome = "failed"
    try:
        with trace.use_span(run.span, record_exception=False, set_status_on_exception=False):
            yield run
        outcome = "partial" if run.is_partial else "ok"
    except BaseException as error:
        outcome = "timeout" if is_timeout(error) else "failed"
        record_fault(run.span, error)
        raise
    finally:
        run.close(outcome)


class Run:
    """A running cycle. Its methods may be called from any thread."""

    def __init__(self, name: str, trigger: str) -> None:
        # One clock for the whole cycle: setting the computer's clock neither stretches it nor moves its steps.
        self._epoch = time.time_ns() - time.perf_counter_ns()
        self._began = self._seen = time.perf_counter()
        self._cpu = time.process_time()
        self._lock = threading.Lock()
        self._totals: dict[str, float] = {**TOTALS}
        self._open: dict[int, int] = {}  # the span id of each open step, and how many open steps it contains
        self._area = 0.0  # the integral of the steps in flight over time
        self.name, self.is_partial = name, False
        around = trace.get_current_span().get_span_context()
        links = [Link(around)] if around.is_valid else []
        about = {"cycle.name": name, "cycle.trigger": trigger}
        tracer = trace.get_tracer("cycles")
        self.span = tracer.start_span(name, Context(), links=links, attributes=about, start_time=self._now())
        self.trace_id = format(self.span.get_span_context().trace_id, "032x")
        # The root span is sent when it ends; until then this record alone says that the cycle runs.
        here = trace.set_span_in_context(self.span)
        started = LogRecord(timestamp=self._now(), context=here, event_name="cycle.started", attributes=about)
        get_logger("cycles").emit(started)

    def set(self, key: str, value: AttributeValue) -> None:
        self.span.set_attribute(key, value)

    def items(self, count: int) -> None:
        self.set("cycle.items", count)

    def expect(self, count: int) -> None:
        self.set("cycle.items.expected", count)

    def partial(self, reason: str) -> None:
        """The result is kept although something is missing. An error that leaves the cycle outweighs it."""
        self.is_partial = True
        self.set("cycle.partial.reason", redact(reason))

    @contextmanager
    def step(self, name: str, kind: Kind, attributes: Attributes | None = None) -> Iterator[Span]:
        """Runs a block as one step, below the step around it. What it raises marks the step as failed."""
        around = trace.get_current_span()
        place = around if around.get_span_context().trace_id == self.span.get_span_context().trace_id else self.span
        span = trace.get_tracer("cycles").start_span(
            name,
            trace.set_span_in_context(place),
            SpanKind.CLIENT if kind in ("fetch", "db") else SpanKind.INTERNAL,
            {"cycle.name": self.name, "step.kind": kind, **(attributes or {})},
            start_time=self._now(),
        )
        began = self._count(span, place, 1)
        try:
            with trace.use_span(span, record_exception=False, set_status_on_exception=False):
                yield span
        except BaseException as error:
            span.set_attribute("error.type", type(error).__name__)
            record_fault(span, error)
            raise
        finally:
            ms = (self._count(span, place, -1) - began) * 1_000
            if kind == "fetch":
                self.add("cycle.calls", 1)
            elif kind == "wait":
                self.add("cycle.wait_ms", ms)
            elif kind == "db":
                self.add("cycle.queries", 1)
                self.add("cycle.db_ms", ms)
            span.end(self._now())

    def wait(self, seconds: float, reason: Reason) -> None:
        with self.step(reason, "wait", {"wait.reason": reason}):
            time.sleep(seconds)

    def cached(self, step: Span, hit: bool) -> None:
        """Whether the look-up of a step of kind `cache` found what it looked for."""
        step.set_attribute("cache.hit", hit)
        self.add("cycle.cache.hits" if hit else "cycle.cache.misses", 1)

    def map(self, fn: Callable[[Item], Result], items: Iterable[Item], at_once: int = 8) -> list[Result]:
        """`fn` of every item, several at once, in their order; their steps hang where this is called."""
        with ThreadPoolExecutor(at_once) as pool:
            return [task.result() for task in [pool.submit(copy_context().run, fn, item) for item in items]]

    def add(self, total: str, amount: float) -> None:
        with self._lock:
            self._totals[total] += amount

    def close(self, outcome: str) -> None:
        with self._lock:
            seconds = self._advance() - self._began
        usage = {
            "cycle.concurrency.mean": round(self._area / seconds, 3),
            # Both are of the process: cycles side by side share them. The peak is that since it began, in KiB on Linux.
            "cycle.cpu_ms": round((time.process_time() - self._cpu) * 1_000, 3),
            "cycle.memory.peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1_024,
        }
        totals = {name: round(value, 3) for name, value in self._totals.items()}
        self.span.set_attributes({"cycle.outcome": outcome, **totals, **usage})
        self.span.end(self._now())

    def _now(self) -> int:
        return self._epoch + time.perf_counter_ns()

    def _count(self, span: Span, place: Span, by: int) -> float:
        """A step below `place` begins (1) or ends (-1); returns the time."""
        step_id, place_id = span.get_span_context().span_id, place.get_span_context().span_id
        with self._lock:
            now = self._advance()
            if place_id in self._open:
                self._open[place_id] += by
            if by > 0:
                self._open[step_id] = 0
            else:
                self._open.pop(step_id, None)
            return now

    def _advance(self) -> float:
        """A step that contains others counts as they do, so fetching ten pages inside one step is ten, not eleven."""
        now = time.perf_counter()
        self._area += (now - self._seen) * sum(1 for inside in self._open.values() if inside == 0)
        self._seen = now
        return now


def is_timeout(error: BaseException | None) -> bool:
    """Also for an error that a timeout caused. The timeouts of HTTP clients are known by their names."""
    while error is not None:
        if isinstance(error, TimeoutError) or type(error).__name__.endswith("Timeout"):
            return True
        error = error.__cause__
    return False


def record_fault(span: Span, error: BaseException) -> None:
    kind, message = type(error).__name__, redact(str(error)) or type(error).__name__
    stack = redact("".join(traceback.format_exception(error)))
    told = {"exception.type": kind, "exception.message": message, "exception.stacktrace": stack}
    span.add_event("exception", told)
    span.set_status(Status(StatusCode.ERROR, message))


def redact(text: str) -> str:
    """More than 8192 characters help nobody."""
    anonymous = re.sub(r"//[^\s/?#'\"<>]*@", "//REDACTED@", text)
    return re.sub(r"([?&;#][^=&;#?\s'\"<>]+)=[^&;#\s'\"<>]+", r"\1=REDACTED", anonymous)[:8_192]
