"""Visitors of a site whose processes run on hosts: as they reach it, through Nginx."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import peewee

from rehearsal.hosts.boots import Machine, Site
from testing import sites
from testing.processes import wait_until


class VisitedSite(sites.Site):
    """Its home is not this machine: there are no processes, no folder and no settings to look into."""

    def __init__(self, url: str, api: httpx.Client, database: peewee.Database) -> None:
        self.url = url
        self.api = api
        self.database = database
        self.processes = {}


@contextmanager
def visiting(web: Machine, site: Site) -> Iterator[VisitedSite]:
    """The site, through that machine."""
    url = site.database.server.url(site.database_name)
    database = peewee.PostgresqlDatabase(site.database_name, dsn=url)
    # trust_env=False: a machine's proxy settings are no part of these tests.
    with httpx.Client(base_url=web.url, timeout=60, trust_env=False) as api:
        yield VisitedSite(web.url, api, database)


def answer_of(machine: Machine, path: str) -> int | None:
    """The status that its Nginx answers with; None when nobody does."""
    try:
        return httpx.get(f"{machine.url}{path}", timeout=10, trust_env=False).status_code
    except httpx.TransportError:
        return None


def wait_until_ready(machine: Machine, *, seconds: float = 300) -> None:
    """Until a balancer would send it requests."""
    wait_until(lambda: answer_of(machine, "/ready") == 200, what="/ready", seconds=seconds)
