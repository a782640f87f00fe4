"""Faults of PostgreSQL and Redis, and of the connections to them."""

import contextlib
import threading
import time
from typing import Any

from app.config import Settings
from faults.chance import chance_of
from faults.ledger import DatabaseUnavailable
from faults.lines import Cut, Link, watched
from faults.schedule import Step
from faults.site import Site
from tasks.doorbell import HueyDoorbell

ELSEWHERE = 7
"""The number of a Redis database that no site uses."""

TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'rising-stars'"


def redis_kill(site: Site, step: Step) -> str:
    """SIGKILL Redis; it restarts empty."""
    try:
        site.servers.redis.kill()
        site.sleep(step.seconds)
    finally:
        site.servers.redis.start()
    return f"down for {step.seconds:g} s, restarted empty"


def redis_flush(site: Site, _step: Step) -> str:
    """FLUSHALL deletes all keys of Redis."""
    with site.servers.redis.client(0) as client:
        keys = client.dbsize()
        client.flushall()
    return f"lost {keys} keys"


def redis_refuses_writes(site: Site, step: Step) -> str:
    """Redis is out of memory: reads succeed, writes fail."""
    with site.servers.redis.client(0) as client:
        try:
            client.config_set("maxmemory", "1")
            site.sleep(step.seconds)
        finally:
            client.config_set("maxmemory", "0")
    return f"refused writes for {step.seconds:g} s"


def redis_slow(site: Site, step: Step) -> str:
    """Every request to Redis is delayed."""
    delay = float(step.parameters["delay"])
    with watched(site.lines_to("redis"), "outgoing", lambda _link, _data: time.sleep(delay)):
        site.sleep(step.seconds)
    return f"answered {delay:g} s late"


def doorbells(site: Site, step: Step) -> str:
    """Doorbell messages without a job arrive in the queue, each twice, in random order."""
    chance = chance_of("doorbells", step.at)
    queue, messages = _rung(site, int(step.parameters["rings"]))
    with site.servers.redis.client(0) as client:
        for _ in range(2):
            chance.shuffle(messages)
            client.zadd(queue, {message: chance.random() for message in messages})
            site.sleep(step.seconds)
    return f"{len(messages)} rings, shuffled, twice"


def _rung(site: Site, rings: int) -> tuple[Any, list[Any]]:
    """Generate doorbell messages in another Redis database than the site's; return the queue's key and the messages."""
    fields = {name.lower(): value for name, value in site.environment("worker-1").items()}
    known = {name: value for name, value in fields.items() if name in Settings.model_fields}
    bell = HueyDoorbell(Settings.model_validate({**known, "queue_url": site.servers.redis.at.url(ELSEWHERE)}))
    with site.servers.redis.client(ELSEWHERE) as client:
        for _ in range(rings):
            bell.ring()
        queue: Any = next(iter(client.scan_iter(_type="zset")))
        messages: Any = client.zrange(queue, 0, -1)
        client.flushdb()
    return queue, list(messages)


def postgres_restart(site: Site, step: Step) -> str:
    """PostgreSQL stops without a clean shutdown, and restarts a few seconds later."""
    try:
        site.servers.postgres.crash()
        site.sleep(step.seconds)
    finally:
        site.servers.postgres.start()
    return f"down for {step.seconds:g} s"


def postgres_terminate(site: Site, _step: Step) -> str:
    """PostgreSQL closes all of the platform's connections."""
    with contextlib.suppress(*DatabaseUnavailable):
        return f"ended {len(site.ledger.rows(TERMINATE))} connections"
    return "the database was unavailable"


def postgres_slow_commits(site: Site, step: Step) -> str:
    """Every COMMIT is delayed on its way to PostgreSQL."""
    delay = float(step.parameters["delay"])

    def hold(_link: Link, data: bytes) -> None:
        if b"COMMIT" in data:
            time.sleep(delay)

    with watched(site.lines_to("postgres"), "outgoing", hold):
        site.sleep(step.seconds)
    return f"commits took {delay:g} s more"


def postgres_answer_lost(site: Site, step: Step) -> str:
    """PostgreSQL commits, but the connection breaks before the response arrives."""
    lost: list[str] = []
    chance, lock = chance_of("commits", step.at), threading.Lock()

    def mark(link: Link, data: bytes) -> None:
        if b"COMMIT" in data and chance.random() < 0.5:
            link.marks.add("commit")

    def lose(link: Link, _data: bytes) -> None:
        if "commit" in link.marks:
            with lock:
                lost.append("commit")
            raise Cut

    lines = site.lines_to("postgres")
    with watched(lines, "outgoing", mark), watched(lines, "incoming", lose):
        site.sleep(step.seconds)
    return f"{len(lost)} commits without an answer"


def postgres_refused(site: Site, step: Step) -> str:
    """Connections to PostgreSQL are refused for a minute, or for a tenth of a short run."""
    lines = site.lines_to("postgres")
    try:
        for line in lines:
            line.refuse()
        site.sleep(step.seconds)
    finally:
        for line in lines:
            line.accept()
    return f"refused for {step.seconds:g} s"
