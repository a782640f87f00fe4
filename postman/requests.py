"""Postman requests, one for each operation of the OpenAPI document (Postman's collection format 2.1)."""

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

Json = Any

EXAMPLE_KEYS = ("default", "minimum")


class Requests:
    """The requests of a document."""

    def __init__(self, document: Json) -> None:
        self._document = document
        self._operations = {
            operation["operationId"]: (method.upper(), path, operation)
            for path, item in document["paths"].items()
            for method, operation in item.items()
        }

    def folders(self) -> list[Json]:
        """Return a folder for each tag, with all requests and their example responses."""
        return [
            {
                "name": tag["name"],
                "description": tag["description"],
                "item": [self._item(name) for name in self._operations if tag["name"] in self._operation(name)["tags"]],
            }
            for tag in self._document["tags"]
        ]

    def request(self, operation_id: str) -> Json:
        """Return the request of an operation, with the values of the document's examples.

        Optional headers and query parameters are disabled. Requests that need a token inherit it from the collection.
        """
        method, path, operation = self._operations[operation_id]
        body = self._body(operation)
        request = {
            "method": method,
            "url": self._url(path, operation),
            "header": [*_content_type(body), *_parameters(operation, "header")],
            "description": operation.get("description", ""),
        }
        request |= {"body": body} if body else {}
        return request if operation["security"] else request | {"auth": {"type": "noauth"}}

    def _operation(self, operation_id: str) -> Json:
        operation: Json = self._operations[operation_id][2]
        return operation

    def _item(self, operation_id: str) -> Json:
        request, operation = self.request(operation_id), self._operation(operation_id)
        return {"name": operation["summary"], "request": request, "response": [*self._examples(operation, request)]}

    def _url(self, path: str, operation: Json) -> Json:
        url = "{{base_url}}" + path.replace("{", ":").replace("}", "")
        names = [parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "path"]
        return {
            "raw": url,
            "host": ["{{base_url}}"],
            "path": url.split("/")[1:],
            "query": [*_parameters(operation, "query")],
            "variable": [{"key": name, "value": "{{" + name + "}}"} for name in names],
        }

    def _body(self, operation: Json) -> Json | None:
        for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
            schema = self._resolve(content["schema"])
            if media_type == "multipart/form-data":
                return {"mode": "formdata", "formdata": [*_form(schema)]}
            text = json.dumps(schema["examples"][0], indent=2, ensure_ascii=False)
            return {"mode": "raw", "raw": text, "options": {"raw": {"language": "json"}}}
        return None

    def _examples(self, operation: Json, request: Json) -> Iterator[Json]:
        """Yield the example responses, except those for failures of the platform, which every operation has."""
        for status, response in operation["responses"].items():
            if status >= "500":
                continue
            content = response.get("content", {}).get("application/json", {})
            examples = {"": {"value": content["example"]}} if "example" in content else content.get("examples", {})
            for name, example in examples.items():
                yield {
                    "name": f"{status} {name}".strip(),
                    "originalRequest": request,
                    "status": HTTPStatus(int(status)).phrase,
                    "code": int(status),
                    "_postman_previewlanguage": "json",
                    "header": [{"key": "Content-Type", "value": "application/json"}],
                    "body": json.dumps(self._resolve(example)["value"], indent=2, ensure_ascii=False),
                }

    def _resolve(self, node: Json) -> Json:
        if "$ref" not in node:
            return node
        found = self._document
        for name in node["$ref"].split("/")[1:]:
            found = found[name]
        return found


def _parameters(operation: Json, where: str) -> Iterator[Json]:
    for parameter in operation.get("parameters", []):
        if parameter["in"] == where:
            value = next((parameter["schema"][key] for key in EXAMPLE_KEYS if key in parameter["schema"]), "")
            description = parameter.get("description", "")
            yield {"key": parameter["name"], "value": str(value), "description": description, "disabled": True}


def _content_type(body: Json | None) -> list[Json]:
    """Return the header for a JSON body. Postman itself adds that of a form, with its boundary."""
    return [{"key": "Content-Type", "value": "application/json"}] if body and body["mode"] == "raw" else []


def _form(schema: Json) -> Iterator[Json]:
    for name, field in schema["properties"].items():
        if "contentMediaType" in field:
            yield {"key": name, "type": "file", "src": "clip.mp4", "description": field["description"]}
        else:
            yield {"key": name, "type": "text", "value": field["examples"][0]}
