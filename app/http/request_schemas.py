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
CITY = "A city, with or without accents, in upper or lower case."


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
Email = Annotated[
    str,
    BeforeValidator(_clean),
    StringConstraints(max_length=254),
    AfterValidator(_email),
    Field(json_schema_extra={"format": "email"}),
]
Password = Annotated[
    str,
    AfterValidator(_password),
    Field(json_schema_extra={"format": "password", "minLength": MIN_PASSWORD, "maxLength": MAX_PASSWORD}),
]


class Body(BaseModel):
    """A JSON body: strict types, unknown fields rejected."""

    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)


class SignUpBody(Body):
    """POST /auth/signup."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "first_name": "Lucía",
                    "last_name": "Herrera",
                    "email": "lucia@example.com",
                    "password1": "tiro-de-tres",
                    "password2": "tiro-de-tres",
                    "city": "Bogotá",
                    "country": "Colombia",
                }
            ]
        }
    )

    first_name: Name
    last_name: Name
    email: Email
    password1: Password
    password2: Password
    city: Place = None
    country: Place = None


class LoginBody(Body):
    """POST /auth/login."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"email": "lucia@example.com", "password": "tiro-de-tres"}]}
    )

    email: Email
    password: Annotated[str, Field(min_length=1, max_length=1024)]


class RefreshBody(Body):
    """POST /auth/refresh."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"refresh_token": "Zm9yLXRoaXMtc2Vzc2lvbg"}]})

    refresh_token: Annotated[str, Field(min_length=1, max_length=512)]


class PageQuery(BaseModel):
    """Query parameters of a paginated list."""

    limit: int = Field(default=20, ge=1, le=MAX_LIMIT, description="The maximum number of items.")
    offset: int = Field(default=0, ge=0, le=MAX_OFFSET, description="The number of items to skip.")
    city: Place = Field(default=None, description=CITY)


class PublicVideosQuery(PageQuery):
    """GET /public/videos."""

    order: Order = Order.NEWEST
    cursor: Annotated[str | None, StringConstraints(max_length=512)] = Field(
        default=None, description="Where the page begins, from the `Link` header of the page before. Excludes `offset`."
    )

    @model_validator(mode="after")
    def _one_way_of_paging(self) -> Self:
        if self.cursor is not None and self.offset:
            raise PydanticCustomError("value_error", "use either cursor or offset, not both")
        return self


class RankingQuery(BaseModel):
    """GET /public/rankings; `from` and `to` are positions, both inclusive."""

    limit: int | None = Field(
        default=None,
        ge=1,
        le=MAX_LIMIT,
        description=f"The maximum number of rows: 20 by default, {MAX_LIMIT} with `to`.",
    )
    offset: int = Field(default=0, ge=0, le=MAX_OFFSET, description="The number of rows to skip.")
    city: Place = Field(default=None, description=CITY)
    first: int = Field(default=1, alias="from", ge=1, le=MAX_OFFSET, description="The first position.")
    last: int | None = Field(default=None, alias="to", ge=1, le=MAX_OFFSET, description="The last position.")

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
