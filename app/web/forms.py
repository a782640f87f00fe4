"""Reads the forms of pages, and collects what to show next to each field."""

from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import parse_qsl

from bottle import request
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from app.http.errors import ApiError
from app.web.languages import read_language, translate

MAX_FORM_BYTES = 64 * 1024
MAX_FIELDS = 20
EMPTY = "Type something here."
TOO_LONG = "This is too long: %(limit)s characters are possible."

Shape = TypeVar("Shape", bound=BaseModel)


class FormTooLarge(ApiError):
    """The form is over its size limit."""

    status = 413
    message = "The form is too large."


class FormBroken(ApiError):
    """The body is not a form."""

    message = "The form arrived damaged. Open the page again and repeat it there."


@dataclass
class Form:
    """A form with the values that were typed, and the problems found in it."""

    values: dict[str, str] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    """Field name → sentence in the visitor's language. The empty name stands for the form as a whole."""

    def add_problem(self, name: str, sentence: str) -> None:
        """Add a sentence, translated into the visitor's language."""
        self.problems.setdefault(name, translate(read_language(), sentence))

    def read(self, shape: type[Shape]) -> Shape | None:
        """Return the values as `shape`, or None if there are problems, which are added to the form."""
        try:
            return shape.model_validate({name: self.values.get(name, "") for name in shape.model_fields})
        except ValidationError as error:
            for item in error.errors(include_input=False):
                self.problems.setdefault(str(item["loc"][0]) if item["loc"] else "", _sentence(item))
            return None


def _sentence(item: ErrorDetails) -> str:
    """Return what a visitor reads for one of pydantic's errors. Its own texts speak of strings and items."""
    if item["type"].endswith("too_short"):
        return translate(read_language(), EMPTY)
    if item["type"].endswith("too_long"):
        return translate(read_language(), TOO_LONG) % {"limit": item["ctx"]["max_length"]}
    return translate(read_language(), item["msg"])


def read_form() -> Form:
    """Return the form in the request's body (application/x-www-form-urlencoded).

    Raises:
        FormTooLarge, FormBroken
    """
    body = request.environ["wsgi.input"].read(MAX_FORM_BYTES + 1)
    if len(body) > MAX_FORM_BYTES:
        raise FormTooLarge
    try:
        text = body.decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError:
        raise FormBroken from None
    return Form(dict(pairs))
