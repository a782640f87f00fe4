"""Malformed requests to every route and field: no 5xx, every error of the API in JSON, no request that hangs."""

import json
import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from app.http.request_schemas import LoginBody, RefreshBody, SignUpBody
from fuzz import plan
from fuzz.disturbances import DISTURBANCES, disturb
from fuzz.raw_requests import Answer, RawRequest, find_violation, quoted, send
from fuzz.valid_requests import VALID, World, every_route, valid_request
from testing.sites import Site

ASKS, EXAMPLES, BODIES = 160, 20, 100
"""Numbers of examples in `make test`: disturbed requests, and Hypothesis examples sent to a site or only validated."""

GOOD_SHARE = 0.2
LEAST_SUCCEEDED = 0.15

pytestmark = pytest.mark.timeout(0 if plan.LONG else 300)

JSON_FIELDS: dict[str, type[BaseModel]] = {
    "/api/auth/signup": SignUpBody,
    "/api/auth/login": LoginBody,
    "/api/auth/refresh": RefreshBody,
}
ID_ROUTES = sorted(route for route in VALID if "<video_id>" in route[1])
QUERY_NAMES = ["limit", "offset", "city", "order", "cursor", "from", "to", "deep"]

# `codec` excludes lone surrogates, because UTF-8 cannot encode them. fuzz/hostile.py sends them as JSON escapes.
texts = st.text(st.characters(codec="utf-8"), max_size=300)
addresses = st.builds("{}@{}.{}".format, texts, texts, st.sampled_from(["com", "es", "xn--p1ai", "рф"])) | st.emails()
numbers = st.integers() | st.floats()
values = st.recursive(
    st.none() | st.booleans() | numbers | texts | addresses,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


def disciplined(examples: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Configure Hypothesis: the short form always uses the same examples; in the long form they depend on the seed."""

    def apply(test: Callable[..., None]) -> Callable[..., None]:
        chosen = settings(
            max_examples=plan.how_many(examples),
            derandomize=not plan.LONG,
            database=None,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
        )(test)
        return seed(plan.SEED)(chosen) if plan.LONG else chosen

    return apply


@pytest.fixture(scope="module")
def world(site: Site, small_clip: Path) -> World:
    return World.of(site, small_clip)


def send_and_check(site: Site, request: RawRequest) -> Answer | None:
    answer = send(site.port, request)
    broken = find_violation(request, answer)
    assert broken is None, f"{request.route} {request.disturbed}: {broken}\n{request.encode()[:3_000]!r}"
    return answer


def test_every_route_is_fuzzed() -> None:
    assert set(VALID) == every_route()


def test_every_route_accepts_a_valid_request(site: Site, world: World) -> None:
    for method, path in VALID:
        answer = send_and_check(site, valid_request(world, method, path))
        assert answer is not None, path
        assert answer.succeeded, f"{method} {path}: {answer}"


def test_any_request_is_answered_or_refused_in_json_or_by_a_page(site: Site, world: World) -> None:
    said_before = len(site.log)
    routes = tuple(VALID)
    broken: list[str] = []
    answers: list[Answer | None] = []
    for number in plan.seeds(ASKS):
        chance = random.Random(f"ask {number}")  # noqa: S311 (reproducible, not for security)
        request = valid_request(world, *routes[number % len(routes)])
        if chance.random() >= GOOD_SHARE:
            disturb(chance, request)
        try:
            answers.append(send(site.port, request))
        except TimeoutError:
            broken.append(f"seed {number}: {request.route} {request.disturbed} hangs: {request.encode()[:1_000]!r}")
            continue
        claim = find_violation(request, answers[-1])
        if claim:
            broken.append(f"seed {number}: {request.route} {request.disturbed}: {claim}: {request.encode()[:1_500]!r}")
    assert not broken, "\n".join(broken)
    assert not [word for word in ("Traceback", "uncaptured", "request_failed") if word in site.log[said_before:]]
    # If nearly all requests failed the API's first check, its later checks would not be tested.
    assert sum(bool(answer and answer.succeeded) for answer in answers) >= LEAST_SUCCEEDED * len(answers)
    assert len(answers) < ASKS or {400, 401, 404, 405, 422} <= {answer.status for answer in answers if answer}
    assert list(site.work_dir.iterdir()) == []
    assert site.api.get("/ready").status_code == 200


@pytest.mark.parametrize("path", JSON_FIELDS)
@disciplined(EXAMPLES)
@given(data=st.data())
def test_any_json_is_answered_or_refused(site: Site, path: str, data: st.DataObject) -> None:
    names = st.sampled_from(sorted(JSON_FIELDS[path].model_fields))
    fields = data.draw(st.dictionaries(names, values) | st.dictionaries(texts, values, max_size=2))
    request = RawRequest(f"POST {path}", b"POST", path.encode(), disturbed=["hypothesis"])
    request.fields = [(quoted(name)[1:-1], _json(value)) for name, value in fields.items()]
    send_and_check(site, request)


@pytest.mark.parametrize("shape", JSON_FIELDS.values(), ids=lambda shape: shape.__name__)
@disciplined(BODIES)
@given(data=st.data())
def test_a_body_that_does_not_match_the_schema_is_a_validation_error(
    shape: type[BaseModel], data: st.DataObject
) -> None:
    fields = data.draw(st.fixed_dictionaries(dict.fromkeys(shape.model_fields, texts | addresses | values)))
    with suppress(ValidationError):
        shape.model_validate_json(_json(fields))


@pytest.mark.parametrize("path", ["/api/public/videos", "/api/public/rankings", "/ready"])
@disciplined(EXAMPLES)
@given(pairs=st.lists(st.tuples(st.sampled_from(QUERY_NAMES) | texts, texts | numbers.map(str)), max_size=5))
def test_any_query_is_answered_or_refused(site: Site, path: str, pairs: list[tuple[str, str]]) -> None:
    query = [(quote(name).encode(), quote(value).encode()) for name, value in pairs]
    send_and_check(site, RawRequest(f"GET {path}", b"GET", path.encode(), query=query, disturbed=["hypothesis"]))


@disciplined(2 * EXAMPLES)
@given(route=st.sampled_from(ID_ROUTES), video_id=texts | st.uuids().map(str) | st.binary(max_size=60))
def test_any_id_is_answered_or_refused(site: Site, world: World, route: tuple[str, str], video_id: str | bytes) -> None:
    method, path = route
    request = RawRequest(
        " ".join(route), method.encode(), path.replace("<video_id>", quote(video_id, safe="")).encode()
    )
    request.token, request.disturbed = world.player.access_token, ["hypothesis"]
    send_and_check(site, request)


@disciplined(2 * EXAMPLES)
@given(title=texts | st.binary(max_size=300), name=texts, clip=st.binary(max_size=300))
def test_any_form_is_refused(site: Site, world: World, title: str | bytes, name: str, clip: bytes) -> None:
    request = valid_request(world, "POST", "/api/videos/upload")
    head, file_head = (head for head, _ in request.parts or [])
    content = title if isinstance(title, bytes) else title.encode()
    request.parts = [(head, content), (file_head.replace(b"clip.mp4", name.encode()), clip)]
    request.disturbed = ["hypothesis"]
    answer = send_and_check(site, request)
    assert answer is not None
    assert answer.status in {400, 422}


@disciplined(2 * EXAMPLES)
@given(
    route=st.sampled_from(sorted(VALID)),
    name=st.sampled_from(["X-Request-Id", "Idempotency-Key", "Authorization", "Content-Type", "X-Forwarded-For"]),
    value=st.binary(max_size=200).map(lambda value: value.translate(None, b"\r\n")),
)
def test_any_header_is_answered_or_refused(
    site: Site, world: World, route: tuple[str, str], name: str, value: bytes
) -> None:
    method, path = route
    request = RawRequest(" ".join(route), method.encode(), path.replace("<video_id>", world.public).encode())
    request.headers, request.disturbed = [(name.encode(), value)], ["hypothesis"]
    send_and_check(site, request)


def test_each_disturbance_is_used() -> None:
    used = set()
    for number in range(200):
        request = RawRequest("GET /", b"GET", b"/")
        disturb(random.Random(number), request)  # noqa: S311 (reproducible, not for security)
        used.update(request.disturbed)
    assert used == set(DISTURBANCES)


def _json(value: object) -> bytes:
    """Serialize to JSON. NaN and Infinity are written as such, although JSON does not allow them."""
    return json.dumps(value).encode()
