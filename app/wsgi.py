"""The composition root of an API process, and its console entry `rising-stars-api`."""

from typing import Annotated

import typer

from app.api.application import Entrance, create_application
from app.api.cors import Cors
from app.api.metrics import Metrics
from app.api.readiness import Readiness
from app.api.routing import Parts
from app.api.server import serve
from app.api.throttle import Throttle
from app.config import ConfigurationError, Settings, load_settings
from app.db.database import database, read_now
from app.logs import configure_logging
from app.services import build_services, warn_of_sandbox_gaps
from app.showcase.uploads import Uploads
from tasks.doorbell import HueyDoorbell

WATCHERS = 1
"""Threads beside those that answer requests that need a connection: the one that watches the database."""


def build_application(settings: Settings) -> tuple[Entrance, Readiness]:
    """Put an API process together. Connects to nothing yet."""
    services = build_services(settings, threads=settings.api_threads + WATCHERS)
    doorbell = HueyDoorbell(settings)
    metrics = Metrics()
    readiness = Readiness(
        {"database": _ask_database, "queue": doorbell.ping, "storage": services.store.ping},
        drain_file=settings.drain_file,
    )
    parts = Parts(
        settings=settings,
        accounts=services.accounts,
        uploads=Uploads(services.store, doorbell, settings),
        store=services.store,
        throttle=Throttle(settings.queue_url, metrics.limits_open),
        readiness=readiness,
    )
    return create_application(parts, metrics, Cors(settings.cors_origins)), readiness


def _ask_database() -> None:
    try:
        read_now()
    finally:
        database.close()


def run(
    listen: Annotated[str, typer.Option(help="host:port to listen on.")] = "127.0.0.1:8000",
    unix_socket: Annotated[str | None, typer.Option(help="A socket path instead, as behind Nginx.")] = None,
) -> None:
    """Serve the REST API until told to stop. All other settings come from the environment."""
    try:
        settings = load_settings()
        configure_logging(settings)
        warn_of_sandbox_gaps()
        application, readiness = build_application(settings)
    except ConfigurationError as error:
        typer.echo(f"rising-stars-api cannot start:\n{error}", err=True)
        raise typer.Exit(2) from None
    readiness.watch()
    serve(
        application,
        listen=None if unix_socket else listen,
        unix_socket=unix_socket,
        threads=settings.api_threads,
        trusted_proxy=settings.trusted_proxy,
        cors=Cors(settings.cors_origins),
        draining=readiness.draining,
    )


def main() -> None:
    """Console entry."""
    typer.run(run)
