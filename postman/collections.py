"""The files of `collections/`: a collection of all requests, a collection with the story, and an environment."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from postman.requests import Requests
from postman.story import STORY, Step

Json = Any

SCRIPTS = Path(__file__).with_name("scripts")
SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
ENVIRONMENT = {"base_url": "http://127.0.0.1:8080"}
"""The site of `make serve`."""

VARIABLES = ("token", "video_id")


def build_files(document: Json) -> dict[str, Json]:
    """Return the contents of the files by their names. Equal documents give equal files."""
    requests = Requests(document)
    return {
        "rising-stars.postman_collection.json": _collection(
            "Rising Stars: all requests",
            "Every request of the API, with example responses. Set `token` to an access token.",
            requests.folders(),
        ),
        "story.postman_collection.json": _collection(
            "Rising Stars: a player's story",
            "Run it from top to bottom with a clip.mp4 of 20 to 60 s in 1080p.",
            [_item(requests, step) for step in STORY],
        ),
        "local.postman_environment.json": {
            "id": _id("local"),
            "name": "Rising Stars on this machine",
            "values": [{"key": name, "value": value, "enabled": True} for name, value in ENVIRONMENT.items()],
            "_postman_variable_scope": "environment",
        },
    }


def _collection(name: str, description: str, items: list[Json]) -> Json:
    return {
        "info": {"_postman_id": _id(name), "name": name, "description": description, "schema": SCHEMA},
        "item": items,
        "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{token}}", "type": "string"}]},
        "variable": [{"key": name, "value": ""} for name in VARIABLES],
    }


def _id(name: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"rising-stars/{name}"))


def _item(requests: Requests, step: Step) -> Json:
    request = requests.request(step.operation)
    for variable in request["url"]["variable"]:
        variable["value"] = step.video_id
    _set(request["url"]["query"], step.query)
    _set(request["header"], step.headers)
    if step.without_token:
        request["auth"] = {"type": "noauth"}
    if "body" in request:
        _fill(request["body"], step)
    return {
        "name": step.does,
        "request": request,
        "event": [*_events(step)],
        "protocolProfileBehavior": {"followRedirects": False},
    }


def _set(listed: list[Json], values: Any) -> None:
    """Enable the parameters or headers that have values. The others are not sent."""
    for name, value in values.items():
        (found,) = (each for each in listed if each["key"] == name)
        found |= {"value": value, "disabled": False}


def _fill(body: Json, step: Step) -> None:
    if body["mode"] == "raw":
        fields = json.loads(body["raw"]) | step.fields
        body["raw"] = json.dumps(fields, indent=2, ensure_ascii=False)
        return
    for part in body["formdata"]:
        if part["key"] in step.fields and part["type"] == "text":
            part["value"] = step.fields[part["key"]]
    body["formdata"] = [part for part in body["formdata"] if step.fields.get(part["key"], "") is not None]


def _events(step: Step) -> Iterator[Json]:
    if step.before:
        yield _event("prerequest", (SCRIPTS / step.before).read_text().splitlines())
    after = (SCRIPTS / step.after).read_text().splitlines() if step.after else []
    yield _event("test", [*_tests(step), *after])


def _event(when: str, lines: list[str]) -> Json:
    return {"listen": when, "script": {"type": "text/javascript", "exec": lines}}


def _tests(step: Step) -> Iterator[str]:
    yield f'pm.test("status {step.status}", () => pm.response.to.have.status({step.status}));'
    for path, value in step.expects.items():
        found = f"_.get(pm.response.json(), {_quoted(path)})"
        yield f"pm.test({_quoted(path)}, () => pm.expect({found}).to.eql({_expected(value)}));"
    for variable, path in step.saves.items():
        yield f"pm.collectionVariables.set({_quoted(variable)}, _.get(pm.response.json(), {_quoted(path)}));"


def _expected(value: object) -> str:
    """Return the JavaScript expression of an expected value. Postman replaces its variables when the script runs."""
    if value is None:
        return "undefined"
    text = _quoted(value)
    return f"JSON.parse(pm.variables.replaceIn({_quoted(text)}))" if "{{" in text else text


def _quoted(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
