"""HSTS: after a first visit over HTTPS, browsers must not use plain HTTP."""

import pytest

from tests.attacks.conftest import EdgeMaker
from tests.attacks.edge import Edge

BY_TLS = {"X-Forwarded-Proto": "https"}


def header(edge: Edge, path: str = "/health") -> list[str]:
    return edge.site.api.get(path, headers=BY_TLS).headers.get_list("strict-transport-security")


def test_by_default_hsts_covers_only_the_sites_own_name(edge: Edge) -> None:
    assert header(edge) == ["max-age=31536000"]
    assert "strict-transport-security" not in edge.site.api.get("/health").headers


@pytest.mark.parametrize("is_set", [True, "true"])
def test_a_setting_extends_hsts_to_all_subdomains(make_edge: EdgeMaker, is_set: bool | str) -> None:
    edge = make_edge({"host_proxy_hsts_includes_subdomains": is_set})
    for path in ("/health", "/nowhere", "/api/public/rankings"):
        assert header(edge, path) == ["max-age=31536000; includeSubDomains"]
    refused = edge.site.api.post("/api/videos/upload", headers=BY_TLS)
    assert refused.headers.get_list("strict-transport-security") == ["max-age=31536000; includeSubDomains"]
