"""The WSGI application: Bottle behind one middleware that every request passes through."""

import re
import time
import uuid
from collections.abc import Iterable
from functools import partial
from typing import Any, cast
from wsgiref.types import StartResponse, WSGIEnvironment

import bottle
import structlog

from app.api.admission import AdmissionResource, Application
from app.api.auth import AuthResource
from app.api.cors import Cors
from app.api.documentation import DocumentationResource
from app.api.health import MONITORING_PATHS, HealthResource
from app.api.metrics import Metrics
from app.api.openapi import check_documented
from app.api.public import PublicResource
from app.api.responses import preflight_answer
from app.api.routing import ApiDependencies, Resource, Route
from app.api.videos import VideosResource
from app.db.database import database
from app.http.errors import answer_failures, answer_http_error
from app.http.quotas import announced

log = structlog.get_logger(__name__)

REQUEST_ID = re.compile(r"[A-Za-z0-9\-_.]{8,64}")
DEFAULT_HEADERS = [
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    # No cache may keep a response, unless its handler says otherwise (`app.api.responses.public_answer`).
    ("Cache-Control", "no-store"),
]
"""The headers of every response that does not have its own. Pages have their own (`app.web.headers`)."""


class Api(bottle.Bottle):  # type: ignore[misc]
    """A Bottle application that returns Bottle's own errors as JSON."""

    def default_error_handler(self, error: bottle.HTTPError) -> str:
        """Return the JSON that replaces Bottle's HTML page for an error."""
        return answer_http_error(error)


def create_api(dependencies: ApiDependencies, metrics: Metrics, cors: Cors) -> Api:
    """Create the API with the routes of every resource. The resources share this process's dependencies."""
    api = Api()
    api.install(answer_failures)
    routes = list_routes(dependencies, metrics)
    if dependencies.settings.trusted_proxy:
        routes += AdmissionResource(dependencies).routes()
    check_documented(routes)
    if cors.is_on:
        routes += _preflights(routes, cors)
    for route in routes:
        api.route(route.path, route.method, route.handle)
    return api


def list_routes(dependencies: ApiDependencies, metrics: Metrics) -> list[Route]:
    """Return the routes of the API and of its documentation."""
    resources: list[Resource] = [
        AuthResource(dependencies),
        VideosResource(dependencies),
        PublicResource(dependencies),
        HealthResource(dependencies, metrics),
        DocumentationResource(lambda: routes),
    ]
    routes = [route for resource in resources for route in resource.routes()]
    return routes


def list_documented_routes() -> list[Route]:
    """Return the documented routes without a site. Their handlers cannot run, but their declarations are complete."""
    routes = list_routes(cast("ApiDependencies", None), cast("Metrics", None))
    return [route for route in routes if not route.is_internal]


def _preflights(routes: Iterable[Route], cors: Cors) -> list[Route]:
    """Return an OPTIONS route for each path; its response lists the path's methods."""
    methods: dict[str, list[str]] = {}
    for route in routes:
        methods.setdefault(route.path, []).append(route.method)
    return [
        Route("OPTIONS", path, partial(preflight_answer, cors.preflight(names)), is_internal=True)
        for path, names in methods.items()
    ]


class RequestMiddleware:
    """Adds a request id and headers to the response, logs and times the request, and closes its database connection."""

    def __init__(self, application: Application, metrics: Metrics, cors: Cors) -> None:
        self._application = application
        self._metrics = metrics
        self._cors = cors

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Handle one request."""
        began = time.perf_counter()
        sent = environ.get("HTTP_X_REQUEST_ID", "")
        request_id = sent if REQUEST_ID.fullmatch(sent) else uuid.uuid4().hex
        # Every route works with and without a trailing slash.
        environ["PATH_INFO"] = environ.get("PATH_INFO", "/").rstrip("/") or "/"
        answered: list[str] = []
        cross_origin = self._cors.headers(environ["REQUEST_METHOD"], environ["PATH_INFO"], environ.get("HTTP_ORIGIN"))
        added = [*DEFAULT_HEADERS, ("X-Request-Id", request_id), *cross_origin]

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            answered[:] = [status]
            given = {name for name, _ in headers}
            more = [(name, value) for name, value in [*added, *announced(environ)] if name not in given]
            return start_response(status, [*headers, *more], exc_info)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                body = list(self._application(environ, start))
            finally:
                database.close()
                self._note(environ, answered, time.perf_counter() - began)
        return body

    def _note(self, environ: WSGIEnvironment, answered: list[str], seconds: float) -> None:
        route = environ.get("bottle.route")
        path = route.rule if route is not None else "unknown"
        method = environ["REQUEST_METHOD"] if route is not None else "unknown"
        status = answered[0].split(" ")[0] if answered else "none"
        self._metrics.requests.labels(method, path, status).inc()
        self._metrics.seconds.labels(method, path).observe(seconds)
        if path not in MONITORING_PATHS:
            log.info(
                "request",
                method=environ["REQUEST_METHOD"],
                path=environ["PATH_INFO"],
                route=path,
                status=status,
                ms=round(seconds * 1000, 1),
                address=environ.get("REMOTE_ADDR"),
            )
