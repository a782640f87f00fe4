"""Routes, resources (groups of routes), and the dependencies that they share in one process."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from bottle import HTTPResponse

from app.api.readiness import Readiness
from app.api.throttle import Throttle
from app.config import ApiSettings
from app.showcase.accounts import Accounts
from app.showcase.sessions import Sessions
from app.showcase.uploads import Uploads
from app.storage.s3 import S3Store


@dataclass(frozen=True, slots=True)
class ApiDependencies:
    """The dependencies that the handlers of one process share."""

    settings: ApiSettings
    accounts: Accounts
    sessions: Sessions
    uploads: Uploads
    store: S3Store
    throttle: Throttle
    readiness: Readiness


@dataclass(frozen=True, slots=True)
class Route:
    """A method, a path (with Bottle's `<name>` wildcards) and its handler."""

    method: str
    path: str
    handler: Callable[..., HTTPResponse]


class Resource(Protocol):
    """A group of routes."""

    def routes(self) -> Iterator[Route]:
        """Yield this resource's routes."""
