"""Liveness, readiness and metrics of the process."""

from collections.abc import Iterator
from urllib.parse import parse_qsl

from bottle import HTTPResponse, request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field

from app.api.metrics import Metrics
from app.api.replies import HEALTH, METRICS, NOT_READY, READY
from app.api.response_schemas import Health, Ready
from app.api.responses import WithHeaders, respond
from app.api.routing import ApiDependencies, Route
from app.http.errors import RETRY_AFTER_SECONDS

MONITORING_PATHS = {"/health", "/api/health", "/ready", "/metrics"}
"""Paths that a process serves even when it is overloaded, so that it can still be monitored. Requests to them are not
logged, because they arrive every few seconds."""


class ReadyQuery(BaseModel):
    """GET /ready; `deep=1` checks every dependency now."""

    deep: bool = Field(default=False, description="`1` checks every dependency now.")


class HealthResource:
    """Health checks and metrics, for load balancers, operators and Prometheus."""

    def __init__(self, dependencies: ApiDependencies, metrics: Metrics) -> None:
        self._dependencies = dependencies
        self._metrics = metrics

    def routes(self) -> Iterator[Route]:
        """Yield this resource's routes."""
        yield Route("GET", "/health", self.health, HEALTH)
        yield Route("GET", "/api/health", self.api_health, HEALTH)
        yield Route("GET", "/ready", self.ready, READY, query=ReadyQuery, other_replies=(NOT_READY,))
        yield Route("GET", "/metrics", self.metrics, METRICS)

    def health(self) -> Health:
        """Report that the process is running."""
        return Health()

    def api_health(self) -> Health:
        """Report that the process is running, under /api."""
        return Health()

    def ready(self, query: ReadyQuery) -> Ready | HTTPResponse:
        """Report whether the process may receive traffic and, with `deep=1`, whether every dependency is up."""
        readiness = self._dependencies.readiness
        states = readiness.ask_now() if query.deep else readiness.states()
        if readiness.is_draining():
            return _not_ready(Ready(status="draining", **states))
        if not readiness.accepts_traffic() or (query.deep and "down" in states.values()):
            return _not_ready(Ready(status="not ready", **states))
        return Ready(status="ready", **states)

    def metrics(self) -> HTTPResponse:
        """Return all metrics, or those that `name[]` selects, in Prometheus' text format.

        Nginx serves them only to clients on the same machine.
        """
        names = [value for key, value in parse_qsl(request.query_string) if key == "name[]"]
        registry = self._metrics.registry
        text = generate_latest(registry.restricted_registry(names) if names else registry)
        return HTTPResponse(text, 200, {"Content-Type": CONTENT_TYPE_LATEST})


def _not_ready(states: Ready) -> HTTPResponse:
    return respond(NOT_READY, WithHeaders(states, {"Retry-After": str(RETRY_AFTER_SECONDS)}))
