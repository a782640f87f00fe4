"""Whether the process lives, whether it may get traffic, and what it counts."""

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
from app.api.routing import Parts, Route

MONITORING_PATHS = {"/health", "/api/health", "/ready", "/metrics"}
"""Answered by an overloaded process as well, so that it can be watched, and not logged: they come every few seconds."""


class ReadyQuery(BaseModel):
    """GET /ready; `deep=1` wants every part to answer now."""

    deep: bool = False


class Health(BaseModel):
    """200 of GET /health."""

    status: Literal["healthy"] = "healthy"


class Ready(BaseModel):
    """The answer of GET /ready: each part is `ok` or `down`."""

    status: Literal["ready", "not ready", "draining"]
    database: str
    queue: str
    storage: str


class HealthResource:
    """For balancers, operators and Prometheus."""

    def __init__(self, parts: Parts, metrics: Metrics) -> None:
        self._readiness = parts.readiness
        self._metrics = metrics

    def routes(self) -> Iterator[Route]:
        """The table."""
        yield Route("GET", "/health", self.health)
        yield Route("GET", "/api/health", self.health)
        yield Route("GET", "/ready", self.ready)
        yield Route("GET", "/metrics", self.metrics)

    def health(self) -> HTTPResponse:
        """This process lives."""
        return answer(Health())

    def ready(self) -> HTTPResponse:
        """This process may get traffic."""
        deep = read_query(ReadyQuery).deep
        states = self._readiness.ask_now() if deep else self._readiness.states()
        well = self._readiness.accepts_traffic() and not (deep and "down" in states.values())
        draining = self._readiness.is_draining()
        told = answer(
            Ready(status="draining" if draining else "ready" if well else "not ready", **states),
            status=200 if well else 503,
        )
        if not well:
            told.set_header("Retry-After", str(RETRY_AFTER_SECONDS))
        return told

    def metrics(self) -> HTTPResponse:
        """Prometheus text, of all figures or of those in `name[]`; the proxy keeps it from the outside."""
        names = [value for key, value in parse_qsl(request.query_string) if key == "name[]"]
        registry = self._metrics.registry
        text = generate_latest(registry.restricted_registry(names) if names else registry)
        return HTTPResponse(text, 200, {"Content-Type": CONTENT_TYPE_LATEST})
