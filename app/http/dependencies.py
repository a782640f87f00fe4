"""The dependencies that the handlers of one process share."""

from dataclasses import dataclass, fields
from typing import Any

from bottle import request

from app.config import ApiSettings
from app.http.limits import RateLimit
from app.http.quotas import announce
from app.http.throttle import Throttle
from app.showcase.accounts import Accounts
from app.showcase.sessions import Sessions
from app.showcase.uploads import Uploads
from app.storage.s3 import S3Store


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What the API's handlers and the pages' handlers use."""

    settings: ApiSettings
    accounts: Accounts
    sessions: Sessions
    uploads: Uploads
    store: S3Store
    throttle: Throttle

    def parts(self) -> dict[str, Any]:
        """Return the dependencies by name, to build a class that has more of them."""
        return {each.name: getattr(self, each.name) for each in fields(Dependencies)}

    def count(self, *limits: tuple[RateLimit, str]) -> None:
        """Count one request for each limit, in order. Each limit comes with the account or address that it applies to.

        Raises:
            TooManyRequests: a limit is exceeded. The limits after it do not count the request.
        """
        quotas = self.throttle.take([limit.charge(self.settings, who) for limit, who in limits])
        for (limit, _), quota in zip(limits, quotas, strict=False):
            if limit.is_announced:
                announce(request.environ, quota)
            quota.require()

    def check(self, *limits: tuple[RateLimit, str]) -> None:
        """Check the limits as `count` does, without counting the request."""
        self.throttle.check([limit.charge(self.settings, who) for limit, who in limits])

    def forgive(self, limit: RateLimit, who: str) -> None:
        """Reset the count of `who` after a success."""
        self.throttle.forgive(limit.charge(self.settings, who))
