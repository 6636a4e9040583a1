"""Cycles of every kind with the example of collector/README.md; prints their names and trace ids, one a line.

UPSTREAM and SECURE are the addresses of the API. With the argument `forever` it runs one cycle that never ends.
"""

import os
import sys
import time
from contextlib import contextmanager, suppress

import httpx
from cycles import cycle, start_telemetry
from fetches import fetch
from opentelemetry import trace

UPSTREAM = os.environ["UPSTREAM"]
ABOUT = {"vcs.ref.head.revision": "ab12cd", "vcs.ref.head.name": "main", "deployment.environment.name": "staging"}

start_telemetry("job", "2.0.0", ABOUT)
client = httpx.Client(timeout=20, verify=False)


@contextmanager
def told(case, name="prices"):
    with suppress(OSError, httpx.HTTPError), cycle(name, "manual") as run:
        print(case, run.trace_id, flush=True)
        yield run


def whole():
    """What the first cycle of test/e2e/job.ts does."""
    with told("ok") as run:
        with run.step("two at once", "compute"):
            pages = [
                (f"{UPSTREAM}/page?api_key=geheim", "/page"),
                (UPSTREAM.replace("//", "//user:geheim@") + "/moved", ""),
            ]
            run.map(lambda page: fetch(run, client, "GET", *page), pages)
        fetch(run, client, "POST", f"{UPSTREAM}/orders", content=b"twelve bytes")
        for hit in (True, False):
            with run.step("look up", "cache") as step:
                run.cached(step, hit)
        with run.step("too fast", "wait", {"wait.reason": "rate_limit"}):
            time.sleep(0.03)
        for query in ("SELECT prices", "INSERT prices"):
            with run.step(query, "db", {"db.system.name": "sqlite"}):
                time.sleep(0.005)
        run.items(5)
        run.expect(6)
        run.set("cycle.items.failed", 1)
        run.set("cycle.cost", 0.25)


def endings():
    with told("partial") as run:
        page = fetch(run, client, "GET", f"{UPSTREAM}/broken", attempts=1)
        if page.is_error:
            run.partial(f"one page answered {page.status_code}")
    with told("failed") as run, run.step("write", "db"):
        raise OSError("the disk is full")
    with told("timeout") as run:
        fetch(run, client, "GET", f"{UPSTREAM}/hang?token=geheim", attempts=1, timeout=0.2)


def attempts():
    with told("retried") as run:
        assert fetch(run, client, "GET", f"{UPSTREAM}/flaky", template="/flaky").status_code == 200
    with told("given up") as run:
        assert fetch(run, client, "GET", f"{UPSTREAM}/broken", attempts=2).status_code == 500
    with told("not repeated") as run:
        assert fetch(run, client, "POST", f"{UPSTREAM}/broken", content=b"once").status_code == 500
    with told("refused") as run:
        fetch(run, client, "GET", "http://127.0.0.1:1/?token=geheim", attempts=1)
    with told("cut off") as run:
        fetch(run, client, "GET", f"{UPSTREAM}/half", attempts=1)
    with told("in circles") as run:
        fetch(run, client, "GET", f"{UPSTREAM}/circle")
    with told("secure") as run:
        for _ in range(2):
            assert fetch(run, client, "GET", f"{os.environ['SECURE']}/zipped").text == "x" * 1_000


def places():
    with trace.get_tracer("around").start_as_current_span("around"), told("linked"):
        pass
    with told("outer") as outer, told("inner") as inner, outer.step("of the outer", "compute"):
        with inner.step("of the inner", "compute"):
            pass


def forever():
    with told("forever", "slow prices"):
        time.sleep(3_600)


if sys.argv[1:] == ["forever"]:
    forever()
for some in (whole, endings, attempts, places):
    some()
