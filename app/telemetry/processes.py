"""The metrics of a web machine's API processes, read through its Nginx (role host_proxy)."""

import itertools
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from http import HTTPStatus
from urllib.parse import urlencode

import structlog

log = structlog.get_logger(__name__)

URL = "http://127.0.0.1:8081/metrics"
"""The base URL: Nginx serves the metrics of process 1 at `/metrics/1`, and so on."""

ANSWER_SECONDS = 2.0
MAX_PROCESSES = 64


def highest_figure(name: str, *, url: str = URL) -> float | None:
    """Return the highest value that any process reports for a metric without labels; None if no process responds."""
    line = re.compile(rf"^{re.escape(name)} (\S+)$", re.MULTILINE)
    return max((float(value) for page in _pages(name, url) for value in line.findall(page)), default=None)


def _pages(name: str, url: str) -> Iterator[str]:
    """Yield the metrics page of each process, from number 1 to the first number that Nginx does not know."""
    for number in itertools.islice(itertools.count(1), MAX_PROCESSES):
        try:
            yield _fetch(f"{url}/{number}?{urlencode({'name[]': name})}")
        except urllib.error.HTTPError as error:
            if error.code == HTTPStatus.NOT_FOUND:
                return
            log.warning("process_not_measured", number=number, status=error.code)
        except OSError as error:
            log.warning("processes_not_measured", error=str(error))
            return


def _fetch(url: str) -> str:
    # Nginx runs on this machine, so ignore the proxies that the environment may name.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=ANSWER_SECONDS) as answer:
        text: str = answer.read().decode()
    return text
