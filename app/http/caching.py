"""Responses that caches may keep: an ETag for each, and 304 for a client that already has the response."""

from hashlib import blake2b

from bottle import HTTPResponse, request


def cacheable_answer(body: bytes, *, content_type: str, headers: dict[str, str]) -> HTTPResponse:
    """Return a response with an ETag.

    If the client already has the same response (If-None-Match), return a 304 without a body (RFC 9110, 13.1.2).
    """
    etag = f'"{blake2b(body, digest_size=12).hexdigest()}"'
    cached = {"ETag": etag} | headers
    known = request.get_header("If-None-Match", "")
    if known.strip() == "*" or etag in {tag.strip().removeprefix("W/") for tag in known.split(",")}:
        return HTTPResponse(b"", 304, cached)
    return HTTPResponse(body, 200, {"Content-Type": content_type} | cached)
