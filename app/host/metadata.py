"""The instance metadata service, version 2: this machine's identity, and notices of its termination."""

from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from app.host.errors import Unreachable

URL = "http://169.254.169.254"
TIMEOUT_SECONDS = 2.0
TOKEN_SECONDS = 21_600
OK, UNAUTHORIZED, NOT_FOUND = 200, 401, 404
TO_GO = "Terminated"


class Metadata:
    """A client of the metadata service. It requests a session token, and another one when the token has expired."""

    def __init__(self, url: str = URL) -> None:
        self._address = urlsplit(url).netloc
        self._token: str | None = None

    def instance_id(self) -> str:
        """Return the id of this machine."""
        return self._required("meta-data/instance-id")

    def region(self) -> str:
        """Return the region of this machine."""
        return self._required("meta-data/placement/region")

    def is_to_terminate(self) -> bool:
        """Whether the Auto Scaling group is terminating this machine and waiting for its lifecycle hook."""
        return self.read("meta-data/autoscaling/target-lifecycle-state") == TO_GO

    def is_to_be_interrupted(self) -> bool:
        """Whether AWS has announced that it will interrupt this spot instance in two minutes."""
        return self.read("meta-data/spot/instance-action") is not None

    def _required(self, path: str) -> str:
        found = self.read(path)
        if found is None:
            raise Unreachable(f"The metadata service at {self._address} does not know {path}.")
        return found

    def read(self, path: str) -> str | None:
        """Return the text at a path; None when the path does not exist.

        Raises:
            Unreachable: the service does not respond, or responds with an error.
        """
        for _ in range(2):
            status, text = self._ask("GET", f"/latest/{path}", {"X-aws-ec2-metadata-token": self._token_now()})
            if status == OK:
                return text.strip()
            if status == NOT_FOUND:
                return None
            if status != UNAUTHORIZED:
                break
            self._token = None
        raise Unreachable(f"The metadata service at {self._address} answered {status} to {path}.")

    def _token_now(self) -> str:
        if self._token is None:
            wanted = {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_SECONDS)}
            status, text = self._ask("PUT", "/latest/api/token", wanted)
            if status != OK:
                raise Unreachable(f"The metadata service at {self._address} issued no token ({status}).")
            self._token = text.strip()
        return self._token

    def _ask(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
        connection = HTTPConnection(self._address, timeout=TIMEOUT_SECONDS)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, HTTPException) as error:
            raise Unreachable(f"The metadata service at {self._address} does not answer ({error}).") from None
        finally:
            connection.close()
