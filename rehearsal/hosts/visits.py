"""Clients of a site whose processes run on test hosts, behind Nginx."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import peewee

from rehearsal.hosts.boots import Machine, Site
from testing import sites
from testing.processes import wait_until


class VisitedSite(sites.Site):
    """A site that runs on test hosts, so the caller cannot access its processes, folder and settings."""

    def __init__(self, url: str, api: httpx.Client, database: peewee.Database) -> None:
        self.url = url
        self.api = api
        self.database = database
        self.processes = {}


@contextmanager
def visiting(web: Machine, site: Site) -> Iterator[VisitedSite]:
    """Yield the site as clients reach it through the web host `web`."""
    url = site.database.server.url(site.database_name)
    database = peewee.PostgresqlDatabase(site.database_name, dsn=url)
    # trust_env=False: ignore this machine's proxy settings.
    with httpx.Client(base_url=web.url, timeout=60, trust_env=False) as api:
        yield VisitedSite(web.url, api, database)


def status_of(machine: Machine, path: str) -> int | None:
    """Return the status code of the response from the machine's Nginx; None without a response."""
    try:
        return httpx.get(f"{machine.url}{path}", timeout=10, trust_env=False).status_code
    except httpx.TransportError:
        return None


def wait_until_ready(machine: Machine, *, seconds: float = 300) -> None:
    """Wait until the machine's /ready returns 200, so that a load balancer would send it requests."""
    wait_until(lambda: status_of(machine, "/ready") == 200, what="/ready", seconds=seconds)
