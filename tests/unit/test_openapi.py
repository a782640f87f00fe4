"""The OpenAPI document is valid, complete and agrees with the routes, the README and itself."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from app.api.application import list_documented_routes
from app.api.openapi import HEADERS, UndocumentedRoute, build_document, check_documented
from app.api.routing import Route
from app.http.errors import show_example

ROOT = Path(__file__).parents[2]
METHODS = {"get", "post", "put", "patch", "delete", "head", "options"}
WILDCARD = re.compile(r"<(\w+)>")
ROUTE = re.compile(r"`([A-Z]+) (/[^` ]*)`")

ROUTES = list_documented_routes()
DOCUMENT = build_document(ROUTES)


def operations() -> dict[tuple[str, str], Any]:
    """Return every operation of the document by method and path."""
    return {
        (method.upper(), path): operation
        for path, item in DOCUMENT["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


def find(node: object, name: str, at: str = "#") -> Iterator[tuple[str, Any]]:
    """Yield every value with the key `name` in the document, with its JSON pointer."""
    if isinstance(node, dict):
        for key, value in node.items():
            here = f"{at}/{str(key).replace('~', '~0').replace('/', '~1')}"
            if key == name:
                yield at, value
            yield from find(value, name, here)
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from find(value, name, f"{at}/{number}")


def validate(value: object, schema: dict[str, Any]) -> None:
    """Validate against a schema whose references point into the document."""
    document = DRAFT202012.create_resource(DOCUMENT)
    registry: Registry[Any] = Registry().with_resource("urn:document", document)
    pointed = json.loads(json.dumps(schema).replace('"#/', '"urn:document#/'))
    OAS31Validator(pointed, registry=registry).validate(value)


def test_the_document_is_valid_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors()) == []


def test_every_route_is_documented_and_every_documented_route_exists() -> None:
    routes = {(route.method, WILDCARD.sub(r"{\1}", route.path)) for route in ROUTES}
    assert routes == set(operations())
    assert len(ROUTES) == len(operations())


def test_every_operation_has_an_id_of_its_own_a_summary_and_a_success() -> None:
    ids = [operation["operationId"] for operation in operations().values()]
    assert len(ids) == len(set(ids))
    for name, operation in operations().items():
        assert operation["summary"], name
        assert any(status < "400" for status in operation["responses"]), name


def test_every_body_of_an_example_validates_against_its_schema() -> None:
    validated = 0
    for operation in operations().values():
        for response in operation["responses"].values():
            for media in response.get("content", {}).values():
                examples = [example for name, example in media.items() if name == "example"]
                for example in media.get("examples", {}).values():
                    name = example.get("$ref", "").rpartition("/")[2]
                    examples.append((DOCUMENT["components"]["examples"][name] if name else example)["value"])
                for example in examples:
                    validate(example, media["schema"])
                    validated += 1
    assert validated > 100


def test_every_example_of_a_schema_validates_against_it() -> None:
    schemas = {name: schema for name, schema in DOCUMENT["components"]["schemas"].items() if "examples" in schema}
    assert set(schemas) == {"SignUpBody", "LoginBody", "RefreshBody"}
    for schema in schemas.values():
        for example in schema["examples"]:
            validate(example, schema)


def test_every_json_response_has_a_schema_and_an_example() -> None:
    for name, operation in operations().items():
        for status, response in operation["responses"].items():
            for media in response.get("content", {}).values():
                assert media["schema"], (name, status)
            json_body = response.get("content", {}).get("application/json")
            assert json_body is None or {"example", "examples"} & set(json_body), (name, status)


def test_the_document_shows_the_text_and_status_of_every_error_of_a_route() -> None:
    for route in ROUTES:
        responses = operations()[route.method, WILDCARD.sub(r"{\1}", route.path)]["responses"]
        for kind in route.errors:
            shown = show_example(kind)
            response = responses[str(shown.status)]
            assert kind.__name__ in response["content"]["application/json"]["examples"]
            assert DOCUMENT["components"]["examples"][kind.__name__]["value"] == {"detail": shown.detail}
            assert set(shown.headers) <= set(response.get("headers", {}))


def test_a_route_with_a_limit_documents_429_and_retry_after() -> None:
    for route in ROUTES:
        operation = operations()[route.method, WILDCARD.sub(r"{\1}", route.path)]
        assert ("429" in operation["responses"]) == bool(route.limits)
        for status, response in operation["responses"].items():
            assert status not in {"429", "503"} or "Retry-After" in response["headers"]
        for limit in route.limits:
            assert limit.default in operation["description"]
            assert {"RateLimit", "RateLimit-Policy"} <= set(operation["responses"]["429"]["headers"])


def test_a_route_that_needs_a_token_documents_it_and_401() -> None:
    for route in ROUTES:
        operation = operations()[route.method, WILDCARD.sub(r"{\1}", route.path)]
        assert operation["security"] == ([{"token": []}] if route.signed_in else [])
        assert not route.signed_in or "WWW-Authenticate" in operation["responses"]["401"]["headers"]


def test_every_component_is_used() -> None:
    used = {reference for _, reference in find(DOCUMENT, "$ref")}
    for kind in ("schemas", "headers", "examples"):
        assert {f"#/components/{kind}/{name}" for name in DOCUMENT["components"][kind]} <= used
    assert set(DOCUMENT["components"]["headers"]) == set(HEADERS)


def test_no_query_parameter_may_be_null() -> None:
    parameters = [parameter for _, listed in find(DOCUMENT, "parameters") for parameter in listed]
    assert len(parameters) > 10
    assert "null" not in json.dumps(parameters)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda route: replace(route, reply=None), "declares no reply"),
        (lambda route: replace(route, handler=lambda: None), "no docstring"),
    ],
    ids=["no reply", "no docstring"],
)
@pytest.mark.parametrize("build", [check_documented, build_document])
def test_a_route_that_cannot_be_documented_fails_with_its_name(
    broken: Callable[[Route], Route], message: str, build: Callable[[list[Route]], object]
) -> None:
    route = next(route for route in ROUTES if route.path == "/api/public/rankings")
    with pytest.raises(UndocumentedRoute, match=f"GET /api/public/rankings.*{message}"):
        build([broken(route)])


def test_an_internal_route_is_not_in_the_document() -> None:
    assert build_document([replace(ROUTES[0], is_internal=True)])["paths"] == {}


def test_the_command_prints_the_document_without_any_setting() -> None:
    command = [str(Path(sys.executable).parent / "rising-stars"), "openapi"]
    printed = subprocess.run(command, env={"PATH": os.defpath}, capture_output=True, check=True, text=True).stdout
    assert json.loads(printed) == DOCUMENT


def test_the_routes_of_the_readme_are_those_of_the_document() -> None:
    table = (ROOT / "README.md").read_text().partition("| Route | For |")[2].partition("\n\n")[0]
    assert sorted(ROUTE.findall(table)) == sorted(operations())
