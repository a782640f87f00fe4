"""Measure votes by distinct accounts, on one clip and on many, and compare them with the same SQL run by pgbench.

PostgreSQL writes each commit to disk (fsync). pgbench runs the statements of a vote, prepared, with 16 clients.
"""

import random
import re
from collections.abc import Iterator, Sequence

from benchmarks.contest import CONNECTIONS, SECONDS, VOTERS, Contest, running_contest, user_id, video_id
from benchmarks.load import get, measure_load, post
from testing.figures import keep

VIDEOS, VOTES = 1_000, 0
"""The contest begins without votes, so that every account can vote for every clip."""
P99 = 99
MEASURED = 8_000
"""How many accounts vote in one scenario; the others are left to pgbench."""


def main() -> None:
    """Measure and write the figures."""
    with running_contest(videos=VIDEOS, votes=VOTES) as contest:
        keep("writes", dict(_measure(contest)))


def _measure(contest: Contest) -> Iterator[tuple[str, object]]:
    health = contest.read([get("/health")])
    yield "health_per_second", round(health.per_second)
    yield "health_cpu_us", round(health.cpu_us)
    tokens = contest.tokens(range(MEASURED))
    draw = random.Random(1)  # noqa: S311 (not for secrets)
    for name, targets in (("hot_video", [1]), ("many_videos", range(2, VIDEOS))):
        requests = [post(f"/api/public/videos/{video_id(draw.choice(targets))}/vote", token) for token in tokens]
        sql = contest.statements_of(requests.pop())
        load = measure_load(contest.url, requests, contest.server, connections=CONNECTIONS, seconds=SECONDS, once=True)
        yield f"{name}_miscounted_videos", _miscounted(contest, targets)
        alone = contest.transactions_per_second(_script(sql, hot=name == "hot_video"), clients=CONNECTIONS)
        yield f"{name}_per_second", round(load.per_second)
        yield f"{name}_p99_ms", round(load.percentile_ms(P99), 1)
        yield f"{name}_cpu_us", round(load.cpu_us)
        yield f"{name}_cpu_of_health_per_cpu", round(health.cpu_us / load.cpu_us, 2)
        yield f"{name}_statements", len(sql)
        yield f"{name}_sql_alone_per_second", round(alone)
        yield f"{name}_per_sql_alone", round(load.per_second / alone, 2)


def _script(sql: list[str], *, hot: bool) -> str:
    """Return a pgbench script: the statements of one vote, for other accounts and (unless `hot`) for other videos."""
    voter, video = (f"md5('{kind}' || :{kind})::uuid" for kind in ("user", "video"))
    video_range = "1, 1" if hot else f"2, {VIDEOS - 1}"
    lines = [f"\\set user random({MEASURED}, {VOTERS - 1})", f"\\set video random({video_range})"]
    ids = dict.fromkeys(_forms(user_id, MEASURED), voter) | dict.fromkeys(_forms(video_id, VIDEOS), video)
    quoted = re.compile(r"'([0-9a-f-]{32,36})'(::uuid)?")
    return "\n".join(lines + [quoted.sub(lambda found: ids[found.group(1)], line) + ";" for line in sql] + [""])


def _forms(number_to_id: object, count: int) -> Iterator[str]:
    for number in range(count):
        found = number_to_id(number)  # type: ignore[operator]
        yield from (str(found), found.hex)


def _miscounted(contest: Contest, targets: Sequence[int]) -> int:
    """Return how many of these videos have a counter that differs from their votes; it must be 0."""
    with contest.postgres.connected(contest.name) as admin:
        (count,) = admin.execute_sql(
            "SELECT count(*) FROM videos WHERE id IN %s "
            "AND votes <> (SELECT count(*) FROM votes WHERE video_id = videos.id)",
            (tuple(str(video_id(number)) for number in targets),),
        ).fetchone()
    return int(count)
