"""Fetching with httpx inside a cycle: a step for each attempt, with its phases, and one for each wait in between.

Copy it beside cycles.py. With another HTTP client this is the file to replace.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from typing import Any

import httpx
from cycles import Run, redact
from opentelemetry.trace import Status, StatusCode
from opentelemetry.util.types import AttributeValue

IDEMPOTENT = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"}
WORTH_REPEATING = {408, 425, 429, 500, 502, 503, 504}
MOST_REDIRECTS = 10
LONGEST_PAUSE = 30.0


def fetch(
    run: Run, client: httpx.Client, method: str, url: str, template: str = "", attempts: int = 3, **options: Any
) -> httpx.Response:
    """Requests, follows redirects, and repeats what may work the next time; `options` are those of httpx.

    Returns the last answer, whatever its status, or raises what httpx raised in the last attempt.
    """
    request = client.build_request(method, url, **options)
    redirects, failures = 0, 0
    while True:
        answer: httpx.Response | None = None
        is_last = failures + 1 >= attempts or method not in IDEMPOTENT
        try:
            answer = attempt(run, client, request, redirects + failures, "" if redirects else template)
        except httpx.TransportError:
            if is_last:
                raise
        if answer is not None and answer.next_request is not None:
            if redirects == MOST_REDIRECTS:
                raise httpx.TooManyRedirects(f"more than {MOST_REDIRECTS} redirects", request=request)
            request, redirects = answer.next_request, redirects + 1
        elif answer is not None and (is_last or answer.status_code not in WORTH_REPEATING):
            return answer
        else:
            run.wait(pause(failures, answer), "backoff")
            run.add("cycle.retries", 1)
            failures += 1


def pause(failures: int, answer: httpx.Response | None) -> float:
    """Seconds: what the server asks for, else exponential with full jitter."""
    asked = answer.headers.get("retry-after", "") if answer is not None else ""
    return min(LONGEST_PAUSE, float(asked) if asked.isdecimal() else random.uniform(0, 0.25 * 2**failures))


def attempt(run: Run, client: httpx.Client, request: httpx.Request, resend: int, template: str) -> httpx.Response:
    """Sends once and reads the whole answer. `resend`: how often this call was sent before, redirects included."""
    url, sent = request.url, len(request.read())
    attributes: dict[str, AttributeValue] = {
        "http.request.method": request.method,
        "url.full": redact(str(url)),
        "server.address": url.host,
        "server.port": url.port or (443 if url.scheme == "https" else 80),
        **({"url.template": template} if template else {}),
        **({"http.request.resend_count": resend} if resend else {}),
        **({"http.request.body.size": sent} if sent else {}),
    }
    moments: dict[str, float] = {}
    # What the connection does, as httpcore tells it: "connection.connect_tcp.started" and the like.
    request.extensions["trace"] = lambda event, _: moments.setdefault(event.partition(".")[2], time.perf_counter())
    with run.step(f"{request.method} {template}".strip(), "fetch", attributes) as span:
        began, received = time.perf_counter(), 0
        answer: httpx.Response | None = None
        try:
            answer = client.send(request, stream=True, follow_redirects=False)
            answer.read()
        finally:
            span.set_attributes(phases(moments, began, time.perf_counter()))
            if "send_request_headers.started" in moments:
                run.add("cycle.bytes.sent", sent)
                span.set_attribute("network.connection.reused", "connect_tcp.started" not in moments)
            if answer is not None:
                received = answer.num_bytes_downloaded
                run.add("cycle.bytes.received", received)
                span.set_attribute("http.response.status_code", answer.status_code)
                span.set_attribute("http.response.body.size", received)
                span.set_attribute("network.protocol.version", answer.http_version.removeprefix("HTTP/"))
        if len(answer.content) != received:
            span.set_attribute("http.response.decoded_body.size", len(answer.content))
        if answer.is_error:
            span.set_attribute("error.type", str(answer.status_code))
            span.set_status(Status(StatusCode.ERROR))
        return answer


def phases(moments: Mapping[str, float], began: float, ended: float) -> dict[str, float]:
    """Where an attempt's time went, in milliseconds; together they are its duration. DNS is part of connecting here."""
    spent: dict[str, float] = {}
    for phase, stage in (("connect", "connect_tcp"), ("tls", "start_tls")):
        if f"{stage}.started" in moments:
            over = moments.get(f"{stage}.complete", moments.get(f"{stage}.failed", ended))
            spent[phase] = over - moments[f"{stage}.started"]
    sent = moments.get("send_request_headers.started")
    headers = moments.get("receive_response_headers.complete")
    spent["queue"] = max(0.0, (sent or ended) - began - sum(spent.values()))
    if sent is not None:
        spent["ttfb"] = (headers or ended) - sent
    if headers is not None:
        spent["download"] = ended - headers
    return {f"http.phase.{phase}_ms": round(seconds * 1_000, 3) for phase, seconds in spent.items()}
