"""Measure how long one reader waits for the ranking while 50 clients sign in over and over.

The clients repeat at once, also after a 503, so this load is heavier than that of clients that obey Retry-After.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from app.showcase.passwords import Passwords
from benchmarks.contest import Contest, running_contest
from benchmarks.load import Load, get, measure_load, post_json
from testing.figures import keep

VIDEOS, VOTES = 1_000, 100_000
CLIENTS = 50
SECONDS = 5.0
PASSWORD = "correct horse battery"  # noqa: S105 (not a secret)
BOUND_MS = 150
OK, REFUSED = 200, 503


def main() -> None:
    """Measure and write the figures."""
    with running_contest(videos=VIDEOS, votes=VOTES) as contest:
        with contest.postgres.connected(contest.name) as admin:
            emails = [f"user{number}@example.com" for number in range(CLIENTS)]
            admin.execute_sql(
                "UPDATE users SET password_hash = %s WHERE email = ANY(%s)", (Passwords().hash(PASSWORD), emails)
            )
        keep("signins", {"clients": CLIENTS, "ranking_p99_bound_ms": BOUND_MS, **dict(_measure(contest, emails))})


def _measure(contest: Contest, emails: list[str]) -> Iterator[tuple[str, object]]:
    requests = [post_json("/api/auth/login", {"email": email, "password": PASSWORD}) for email in emails]
    alone = measure_load(contest.url, requests, contest.server, connections=1, seconds=2)
    yield "sign_in_cpu_ms", round(alone.cpu_us / 1000, 1)
    _read(contest, "/api/public/rankings?limit=20", seconds=0.5)
    for name, path in (("health", "/health"), ("ranking", "/api/public/rankings?limit=20")):
        yield from _latencies(f"{name}_alone", _read(contest, path))
        with ThreadPoolExecutor(1) as crowd:
            signing_in = crowd.submit(_sign_in, contest, requests)
            yield from _latencies(name, _read(contest, path))
            signed_in = signing_in.result()
        yield f"{name}_sign_ins_per_second", round(signed_in.statuses[OK] / signed_in.seconds)
        yield f"{name}_refused_sign_ins", signed_in.statuses[REFUSED]


def _sign_in(contest: Contest, requests: list[bytes]) -> Load:
    return measure_load(
        contest.url,
        requests,
        contest.server,
        connections=CLIENTS,
        seconds=SECONDS + 2,
        accepted={OK, REFUSED},
    )


def _read(contest: Contest, path: str, *, seconds: float = SECONDS) -> Load:
    return measure_load(contest.url, [get(path)], contest.server, connections=1, seconds=seconds)


def _latencies(name: str, load: Load) -> Iterator[tuple[str, object]]:
    yield f"{name}_p50_ms", round(load.percentile_ms(50), 1)
    yield f"{name}_p99_ms", round(load.percentile_ms(99), 1)
