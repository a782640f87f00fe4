"""The query of a page's address."""

from typing import Any

from pydantic import BaseModel, model_validator


class PageQuery(BaseModel):
    """A query. A parameter without a value counts as missing: forms and Nginx send all parameters."""

    @model_validator(mode="before")
    @classmethod
    def _drop_blank(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in values.items() if value != ""}
