"""The pages' routes, and what their handlers share in one process."""

from collections.abc import Callable, Iterator
from dataclasses import KW_ONLY, dataclass
from typing import Protocol

from app.http.dependencies import Dependencies
from app.web.assets import Assets
from app.web.brand import Brand
from app.web.rendering import Renderer


@dataclass(frozen=True, slots=True)
class PageDependencies(Dependencies):
    """The dependencies of the pages' handlers."""

    brand: Brand
    assets: Assets
    renderer: Renderer


@dataclass(frozen=True, slots=True)
class Page:
    """A method, a path (with Bottle's `<name>` wildcards), and the handler that returns the response."""

    method: str
    path: str
    handler: Callable[..., object]
    _: KW_ONLY
    form: str | None = None
    """The path of the page whose form sends this request. After signing in, a visitor returns there."""


class PageGroup(Protocol):
    """The pages of one module."""

    def pages(self) -> Iterator[Page]:
        """Yield the pages."""
