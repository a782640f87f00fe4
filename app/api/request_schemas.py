"""Schemas of requests: JSON bodies and query strings, with the field names of the API contract."""

from typing import Annotated, Self

from email_validator import EmailNotValidError, validate_email
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

from app.showcase.catalogue import Order
from app.showcase.passwords import normalized
from app.showcase.texts import clean, has_bidi_controls, has_control_characters

MIN_PASSWORD, MAX_PASSWORD = 8, 128
MAX_OFFSET = 1_000_000
MAX_LIMIT = 100


def _clean(value: object) -> object:
    return clean(value) if isinstance(value, str) else value


def _plain(text: str) -> str:
    """Reject control characters (PostgreSQL cannot store NUL) and characters that reorder the text on a page."""
    if has_control_characters(text):
        raise PydanticCustomError("string_control_characters", "String should not contain control characters")
    if has_bidi_controls(text):
        raise PydanticCustomError(
            "string_bidi_controls",
            "String should not contain characters that change the direction of text (U+202A to 202E, U+2066 to 2069)",
        )
    return text


def _email(text: str) -> str:
    try:
        return validate_email(text, check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        raise PydanticCustomError("value_error", "value is not a valid email address") from None


def _password(text: str) -> str:
    """Check the length of the normalized password. Return the password as typed, as earlier releases hashed it."""
    length = len(normalized(text))
    if length < MIN_PASSWORD:
        raise PydanticCustomError("value_error", "Password must be at least 8 characters")
    if length > MAX_PASSWORD:
        raise PydanticCustomError("value_error", "Password must be at most 128 characters")
    return text


def _blank_is_none(value: object) -> object:
    return None if _clean(value) == "" else value


Text = Annotated[str, BeforeValidator(_clean), StringConstraints(max_length=100), AfterValidator(_plain)]
Name = Annotated[Text, Field(min_length=1)]
Place = Annotated[Text | None, BeforeValidator(_blank_is_none)]
Email = Annotated[str, BeforeValidator(_clean), StringConstraints(max_length=254), AfterValidator(_email)]
Password = Annotated[str, AfterValidator(_password)]


class Body(BaseModel):
    """A JSON body: strict types, unknown fields rejected."""

    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)


class SignUpBody(Body):
    """POST /auth/signup."""

    first_name: Name
    last_name: Name
    email: Email
    password1: Password
    password2: Password
    city: Place = None
    country: Place = None


class LoginBody(Body):
    """POST /auth/login."""

    email: Email
    password: Annotated[str, Field(min_length=1, max_length=1024)]


class RefreshBody(Body):
    """POST /auth/refresh."""

    refresh_token: Annotated[str, Field(min_length=1, max_length=512)]


class PageQuery(BaseModel):
    """Query parameters of a paginated list."""

    limit: int = Field(default=20, ge=1, le=MAX_LIMIT)
    offset: int = Field(default=0, ge=0, le=MAX_OFFSET)
    city: Place = None


class PublicVideosQuery(PageQuery):
    """GET /public/videos."""

    order: Order = Order.NEWEST
    cursor: Annotated[str | None, StringConstraints(max_length=512)] = None

    @model_validator(mode="after")
    def _one_way_of_paging(self) -> Self:
        if self.cursor is not None and self.offset:
            raise PydanticCustomError("value_error", "use either cursor or offset, not both")
        return self


class RankingQuery(BaseModel):
    """GET /public/rankings; `from` and `to` are positions, both inclusive."""

    limit: int | None = Field(default=None, ge=1, le=MAX_LIMIT)
    offset: int = Field(default=0, ge=0, le=MAX_OFFSET)
    city: Place = None
    first: int = Field(default=1, alias="from", ge=1, le=MAX_OFFSET)
    last: int | None = Field(default=None, alias="to", ge=1, le=MAX_OFFSET)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last is not None and self.last < self.first:
            raise PydanticCustomError("value_error", "from must not be after to")
        return self

    @property
    def rows(self) -> tuple[int, int]:
        """Return limit and offset. With `to`, the rows end at that position, and the default limit is `MAX_LIMIT`."""
        offset = self.first - 1 + self.offset
        if self.last is None:
            return self.limit or 20, offset
        return max(0, min(self.limit or MAX_LIMIT, self.last - offset)), offset
