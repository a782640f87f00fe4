"""The JSON Schemas of the OpenAPI document, generated from the pydantic models."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from app.api.replies import ERROR
from app.api.responses import Reply
from app.api.routing import Route

Json = dict[str, Any]

REF_TEMPLATE = "#/components/schemas/{model}"


class _Schemas(GenerateJsonSchema):
    """JSON Schema without a title for each field, which would only repeat the field's name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Return False for every field."""
        del schema
        return False


def serialized_schemas(routes: list[Route]) -> tuple[dict[int, Json], Json]:
    """Return the schema of each reply that is JSON, by the reply's identity, and the definitions that they share."""
    adapters: dict[int, TypeAdapter[Any]] = {id(ERROR): ERROR}
    for route in routes:
        adapters |= {id(reply): reply.adapter for reply in replies(route) if reply.adapter is not None}
    schemas, definitions = TypeAdapter.json_schemas(
        [(key, "serialization", adapter) for key, adapter in adapters.items()],
        ref_template=REF_TEMPLATE,
        schema_generator=_Schemas,
    )
    return {key: schema for (key, _), schema in schemas.items()}, definitions["$defs"]


def validated_schema(model: type[BaseModel]) -> Json:
    """Return the schema of what a request model accepts."""
    return model.model_json_schema(ref_template=REF_TEMPLATE, schema_generator=_Schemas)


def replies(route: Route) -> Iterator[Reply]:
    """Yield the responses of a route that are not errors."""
    if route.reply is not None:
        yield route.reply
        if route.reply.is_public:
            yield Reply(status=304, headers=("ETag", "Cache-Control"))
    yield from route.other_replies


def query_parameter(name: str, schema: Json) -> Json:
    """Return a query parameter. One that may be absent has no null: a query string has only texts."""
    schema = dict(schema)
    description = schema.pop("description", None)
    kinds = [kind for kind in schema.pop("anyOf", []) if kind != {"type": "null"}]
    if kinds:
        schema |= kinds[0]
    if schema.get("default", "") is None:
        del schema["default"]
    parameter: Json = {"name": name, "in": "query", "schema": schema}
    return parameter | ({"description": description} if description else {})


def either(schema: Json, error: Json) -> Json:
    """Return a schema that allows a reply or an error; the error's if there is no reply."""
    return error if schema in ({}, error) else {"anyOf": [schema, error]}
