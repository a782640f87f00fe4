"""Which paths belong to the API and to monitoring. Their responses are JSON for every client; all others are pages."""

API_SEGMENTS = frozenset({"api", "docs", "health", "internal", "metrics", "openapi.json", "ready"})
"""First segments of the API's paths. Nginx decides by the same list (roles/host_proxy/vars)."""


def is_api_path(path: str) -> bool:
    """Whether the API answers this path, also if it has no such route."""
    return path.lstrip("/").partition("/")[0] in API_SEGMENTS
