"""Liveness, readiness and metrics of the process."""

from collections.abc import Iterator
from typing import Literal
from urllib.parse import parse_qsl

from bottle import HTTPResponse, request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from app.api.errors import RETRY_AFTER_SECONDS
from app.api.metrics import Metrics
from app.api.requests import read_query
from app.api.responses import answer
from app.api.routing import ApiDependencies, Route

MONITORING_PATHS = {"/health", "/api/health", "/ready", "/metrics"}
"""Paths that a process serves even when it is overloaded, so that it can still be monitored. Requests to them are not
logged, because they arrive every few seconds."""


class ReadyQuery(BaseModel):
    """GET /ready; `deep=1` checks every dependency now."""

    deep: bool = False


class Health(BaseModel):
    """The 200 response to GET /health."""

    status: Literal["healthy"] = "healthy"


class Ready(BaseModel):
    """The response to GET /ready: each dependency is `ok` or `down`."""

    status: Literal["ready", "not ready", "draining"]
    database: str
    queue: str
    storage: str


class HealthResource:
    """Health checks and metrics, for load balancers, operators and Prometheus."""

    def __init__(self, dependencies: ApiDependencies, metrics: Metrics) -> None:
        self._readiness = dependencies.readiness
        self._metrics = metrics

    def routes(self) -> Iterator[Route]:
        """Yield this resource's routes."""
        yield Route("GET", "/health", self.health)
        yield Route("GET", "/api/health", self.health)
        yield Route("GET", "/ready", self.ready)
        yield Route("GET", "/metrics", self.metrics)

    def health(self) -> HTTPResponse:
        """Report that the process is running."""
        return answer(Health())

    def ready(self) -> HTTPResponse:
        """Report whether the process may receive traffic and, with `deep=1`, whether every dependency is up."""
        deep = read_query(ReadyQuery).deep
        states = self._readiness.ask_now() if deep else self._readiness.states()
        is_ready = self._readiness.accepts_traffic() and not (deep and "down" in states.values())
        draining = self._readiness.is_draining()
        answered = answer(
            Ready(status="draining" if draining else "ready" if is_ready else "not ready", **states),
            status=200 if is_ready else 503,
        )
        if not is_ready:
            answered.set_header("Retry-After", str(RETRY_AFTER_SECONDS))
        return answered

    def metrics(self) -> HTTPResponse:
        """Return all metrics, or those that `name[]` selects, in Prometheus' text format.

        Nginx serves them only to clients on the same machine.
        """
        names = [value for key, value in parse_qsl(request.query_string) if key == "name[]"]
        registry = self._metrics.registry
        text = generate_latest(registry.restricted_registry(names) if names else registry)
        return HTTPResponse(text, 200, {"Content-Type": CONTENT_TYPE_LATEST})
