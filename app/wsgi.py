"""The composition root of an API process, and its console command `rising-stars-api`."""

import threading
import time
from typing import Annotated

import structlog
import typer

from app.api.application import RequestMiddleware, create_api
from app.api.cors import Cors
from app.api.metrics import Metrics
from app.api.readiness import Readiness
from app.api.routing import ApiDependencies
from app.api.server import serve
from app.config import ApiSettings, ConfigurationError, load_settings
from app.db.database import database, read_now
from app.db.errors import NO_CONNECTION
from app.http.dependencies import Dependencies
from app.http.throttle import Throttle
from app.logs import configure_logging
from app.operations.sealing import seal_stored
from app.services import build_services, build_sessions, build_tokens, warn_of_sandbox_gaps
from app.showcase.accounts import Accounts
from app.showcase.passwords import Passwords
from app.showcase.tokens import Tokens
from app.showcase.uploads import Uploads
from app.web.application import Pages, create_pages, create_renderer, dispatch, read_assets
from app.web.brand import read_brand
from app.web.failures import overloaded_page
from app.web.pages import PageDependencies
from tasks.doorbell import HueyDoorbell

log = structlog.get_logger(__name__)

SEAL_PAUSE_SECONDS = 5.0


def build_application(settings: ApiSettings) -> tuple[RequestMiddleware, Readiness, Metrics]:
    """Build the application of an API process, without opening a connection."""
    services = build_services(settings, database_connections=settings.api_database_connections)
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
    shared = Dependencies(
        settings=settings,
        accounts=Accounts(Passwords(), tokens, sessions),
        sessions=sessions,
        uploads=Uploads(services.store, doorbell, settings),
        store=services.store,
        throttle=throttle,
    )
    cors = Cors(settings.cors_origins)
    api = create_api(ApiDependencies(**shared.parts(), readiness=readiness), metrics, cors)
    application = dispatch(api, build_pages(shared))
    return RequestMiddleware(application, metrics, cors), readiness, metrics


def build_pages(shared: Dependencies) -> Pages:
    """Build the pages of an API process."""
    brand = read_brand(shared.settings)
    assets = read_assets(brand)
    renderer = create_renderer(brand, assets, shared.store.origin, shared.settings.site_url)
    return create_pages(PageDependencies(**shared.parts(), brand=brand, assets=assets, renderer=renderer))


def _ask_database() -> None:
    try:
        read_now()
    finally:
        database.close()


def _seal_stored(tokens: Tokens) -> None:
    """Seal the refresh tokens that an earlier release stored. Retries while the database is unavailable."""
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
    unix_socket: Annotated[
        str | None, typer.Option(help="Path of a Unix socket to listen on instead, for example behind Nginx.")
    ] = None,
) -> None:
    """Serve the pages and the REST API until SIGTERM or SIGINT. All other settings come from the environment."""
    try:
        settings = load_settings(ApiSettings)
        configure_logging(settings)
        warn_of_sandbox_gaps()
        application, readiness, metrics = build_application(settings)
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
        overloaded_page=overloaded_page(),
        draining=readiness.draining,
        metrics=metrics,
    )


def main() -> None:
    """Run the console command."""
    typer.run(run)
