"""The composition root of an API process, and its console entry `rising-stars-api`."""

import threading
import time
from typing import Annotated

import structlog
import typer

from app.api.application import Entrance, create_application
from app.api.cors import Cors
from app.api.metrics import Metrics
from app.api.readiness import Readiness
from app.api.routing import Parts
from app.api.server import serve
from app.api.throttle import Throttle
from app.config import ApiSettings, ConfigurationError, load_settings
from app.db.database import database, read_now
from app.db.errors import NO_CONNECTION
from app.logs import configure_logging
from app.operations.sealing import seal_stored
from app.services import build_services, build_sessions, build_tokens, warn_of_sandbox_gaps
from app.showcase.accounts import Accounts
from app.showcase.passwords import Passwords
from app.showcase.tokens import Tokens
from app.showcase.uploads import Uploads
from tasks.doorbell import HueyDoorbell

log = structlog.get_logger(__name__)

WATCHERS = 2
"""Threads beside those that answer requests that need a connection: the one that watches the database, and the one that
seals stored tokens."""

SEAL_PAUSE_SECONDS = 5.0


def build_application(settings: ApiSettings) -> tuple[Entrance, Readiness]:
    """Put an API process together. Connects to nothing yet."""
    services = build_services(settings, threads=settings.api_threads + WATCHERS)
    tokens = build_tokens(settings)
    sessions = build_sessions(settings, tokens)
    doorbell = HueyDoorbell(settings)
    metrics = Metrics()
    readiness = Readiness(
        {"database": _ask_database, "queue": doorbell.ping, "storage": services.store.ping},
        drain_file=settings.drain_file,
    )
    throttle = Throttle(settings.queue_url, metrics.limits_open)
    metrics.limits_in_memory.set_function(throttle.is_in_memory)
    parts = Parts(
        settings=settings,
        accounts=Accounts(Passwords(), tokens, sessions),
        sessions=sessions,
        uploads=Uploads(services.store, doorbell, settings),
        store=services.store,
        throttle=throttle,
        readiness=readiness,
    )
    return create_application(parts, metrics, Cors(settings.cors_origins)), readiness


def _ask_database() -> None:
    try:
        read_now()
    finally:
        database.close()


def _seal_stored(tokens: Tokens) -> None:
    """Seal what an earlier release stored, once; a database that is away is asked again."""
    while True:
        try:
            sealed = seal_stored(tokens)
        except NO_CONNECTION as error:
            log.warning("tokens_not_sealed", error=str(error))
            time.sleep(SEAL_PAUSE_SECONDS)
        else:
            if sealed:
                log.info("stored_tokens_sealed", count=sealed)
            return
        finally:
            database.close()


def run(
    listen: Annotated[str, typer.Option(help="host:port to listen on.")] = "127.0.0.1:8000",
    unix_socket: Annotated[str | None, typer.Option(help="A socket path instead, as behind Nginx.")] = None,
) -> None:
    """Serve the REST API until told to stop. All other settings come from the environment."""
    try:
        settings = load_settings(ApiSettings)
        configure_logging(settings)
        warn_of_sandbox_gaps()
        application, readiness = build_application(settings)
    except ConfigurationError as error:
        typer.echo(f"rising-stars-api cannot start:\n{error}", err=True)
        raise typer.Exit(2) from None
    readiness.watch()
    threading.Thread(target=_seal_stored, args=[build_tokens(settings)], name="seal", daemon=True).start()
    serve(
        application,
        listen=None if unix_socket else listen,
        unix_socket=unix_socket,
        threads=settings.api_threads,
        body_seconds=settings.body_seconds,
        trusted_proxy=settings.trusted_proxy,
        cors=Cors(settings.cors_origins),
        draining=readiness.draining,
    )


def main() -> None:
    """Console entry."""
    typer.run(run)
