"""The number of requests that this web machine's Nginx is processing (role host_proxy)."""

import re
import urllib.error
import urllib.request

import structlog

log = structlog.get_logger(__name__)

URL = "http://127.0.0.1:8081/requests"
"""The page of Nginx's module stub_status."""

ANSWER_SECONDS = 2.0


def requests_in_progress(url: str = URL) -> int | None:
    """Return the number of requests in progress, not counting this one; None if Nginx does not report it.

    Nginx counts a request as `Reading` while its headers arrive. Then, while its body arrives and until its response is
    sent, Nginx counts it as `Writing`. An idle connection counts as neither. An upload counts twice, because it passes
    through two of Nginx's servers.
    """
    # Nginx runs on this machine, so environment variables for proxies must not apply.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=ANSWER_SECONDS) as answer:
            found = re.search(r"Reading: (\d+) Writing: (\d+)", answer.read().decode())
    except urllib.error.URLError as error:
        if isinstance(error.reason, ConnectionRefusedError):
            return 0  # Nginx does not run
        log.warning("requests_not_counted", error=str(error))
        return None
    except OSError as error:
        log.warning("requests_not_counted", error=str(error))
        return None
    return None if found is None else max(0, int(found[1]) + int(found[2]) - 1)
