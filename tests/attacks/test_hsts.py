"""Plain HTTP after a first visit by HTTPS: browsers must not try it again."""

import pytest

from tests.attacks.conftest import EdgeMaker
from tests.attacks.edge import Edge

BY_TLS = {"X-Forwarded-Proto": "https"}


def header(edge: Edge, path: str = "/health") -> list[str]:
    return edge.site.api.get(path, headers=BY_TLS).headers.get_list("strict-transport-security")


def test_by_default_the_sites_own_name_is_bound(edge: Edge) -> None:
    assert header(edge) == ["max-age=31536000"]
    assert "strict-transport-security" not in edge.site.api.get("/health").headers


@pytest.mark.parametrize("is_set", [True, "true"])
def test_by_setting_all_subdomains_are(make_edge: EdgeMaker, is_set: bool | str) -> None:
    edge = make_edge({"host_proxy_hsts_includes_subdomains": is_set})
    for path in ("/health", "/nowhere", "/api/public/rankings"):
        assert header(edge, path) == ["max-age=31536000; includeSubDomains"]
    refused = edge.site.api.post("/api/videos/upload", headers=BY_TLS)
    assert refused.headers.get_list("strict-transport-security") == ["max-age=31536000; includeSubDomains"]
