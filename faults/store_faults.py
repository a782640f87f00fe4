"""Faults of S3: errors, hanging requests, broken connections and lost objects."""

from collections import Counter
from collections.abc import Callable

from faults.chance import chance_of
from faults.gates import Error, Hang, Request, Reset, Swallow, Verdict
from faults.schedule import Step
from faults.site import Site
from faults.visitors import send_clip_meanwhile

ARMED_SECONDS = 10.0
"""The extra time that a fault waits if it has not affected a request yet."""

CODES = {500: "InternalError", 503: "SlowDown"}
OBJECTS = ("unprocessed-videos/", "processed-videos/", "posters/")


def s3_errors(site: Site, step: Step) -> str:
    """S3 returns 500 InternalError or 503 SlowDown, for all requests or for some."""
    status = int(step.parameters["status"])
    return _some(site, step, lambda: Error(status, CODES[status]))


def s3_hangs(site: Site, step: Step) -> str:
    """S3 sends no response, and the connections are reset when the fault ends."""
    return _some(site, step, Hang)


def s3_resets(site: Site, step: Step) -> str:
    """The connection to S3 is reset in the middle of a request's or response's body."""
    return _some(site, step, Reset)


def s3_loses_puts(site: Site, step: Step) -> str:
    """S3 responds to a PUT with 200, but stores nothing."""
    prefix = str(step.parameters["prefix"])
    send_clip_meanwhile(site, step)
    return _inject(site, step, lambda request: Swallow() if request.about("PUT", prefix) else None)


def _some(site: Site, step: Step, verdict: Callable[[], Verdict]) -> str:
    chance, share = chance_of("store", step.at), float(step.parameters["share"])
    return _inject(site, step, lambda request: verdict() if request.key and chance.random() < share else None)


def _inject(site: Site, step: Step, judge: Callable[[Request], Verdict]) -> str:
    """Apply `judge` to all requests for the fault's duration, and return the counts of those that it affected."""
    struck: Counter[str] = Counter()

    def judge_and_count(request: Request) -> Verdict:
        verdict = judge(request)
        if verdict is not None:
            what = request.key.partition("/")[0]
            struck[f"{request.method} {what}"] += 1
            site.history.note(
                "nemesis", "request_struck", process=request.process, request=f"{request.method} {request.key}"
            )
        return verdict

    try:
        site.traffic.inject(judge_and_count)
        site.sleep(step.seconds)
        site.until(lambda: bool(struck), ARMED_SECONDS)
    finally:
        site.traffic.heal()
    return ", ".join(f"{count} {what}" for what, count in sorted(struck.items())) or "no request came by"
