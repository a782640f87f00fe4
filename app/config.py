"""All settings of the platform, read from the environment.

Each setting's environment variable is its name in upper case. boto3 itself reads the AWS credentials, region and
endpoint from the standard AWS variables.
"""

import os
import re
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self, TypeVar

from limits import parse
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

MAX_CLIP_BYTES = 104_857_600
"""The largest clip that a player may upload: 100 MiB, as the API contract states."""


class ProfileName(StrEnum):
    """The two render profiles; `app.media.profiles` defines them."""

    BROADCAST = "broadcast"
    LITE = "lite"


class LogFormat(StrEnum):
    """`json` for machines, `console` for people at a terminal."""

    JSON = "json"
    CONSOLE = "console"


class ConfigurationError(Exception):
    """Environment variables are missing or invalid; the text names them."""


def _limit(text: str) -> str:
    parse(text)
    return text


Limit = Annotated[str, AfterValidator(_limit)]
"""A rate limit such as "10 per 5 minutes"."""


ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:[0-9]{1,5})?")
DEFAULT_PORT = re.compile(r"http://.*:80|https://.*:443")


def _origins(value: object) -> object:
    """Parse and validate a comma-separated list of origins, written as browsers send them. Duplicates are removed."""
    if not isinstance(value, str):
        return value
    origins = [origin.strip() for origin in value.split(",")] if value.strip() else []
    return tuple(dict.fromkeys(_origin(origin) for origin in origins))


def _origin(origin: str) -> str:
    if not ORIGIN.fullmatch(origin) or DEFAULT_PORT.fullmatch(origin):
        raise PydanticCustomError(
            "origin",
            "{origin} is not an origin. Write an origin as a browser sends it, for example https://show.example.org: "
            "scheme and host in lower case, a port only if it is not the default, no path and no slash at the end. "
            "CORS_ORIGINS takes several, separated by commas",
            {"origin": repr(origin)},
        )
    return origin


Origins = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_origins)]
"""Sites whose pages may use the API, for example "https://show.example.org,https://www.example.org"."""

SiteUrl = Annotated[str, AfterValidator(_origin)]
"""The origin of the site itself, for example "https://show.example.org"."""
Colour = Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")]
"""A colour as in CSS, in lower case."""


class Settings(BaseSettings):
    """The settings that all processes read. Durations are in seconds, sizes in bytes."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    # Locations
    database_url: str = Field(pattern=r"^(postgresql://|postgres://|sqlite:///)")
    """`postgresql://user:password@host:port/name`, or `sqlite:////absolute/path.db` when embedded."""
    queue_url: str = Field(pattern=r"^(redis://|rediss://|sqlite:///)")
    """`redis://:password@host:port/0`, or `sqlite:////absolute/path.db` when embedded."""
    s3_bucket: str
    media_base_url: str | None = None
    """Base URL of public media, for example of a CDN. Without it, URLs are presigned."""
    presigned_url_seconds: int = Field(default=3600, ge=60, le=604_800)
    work_dir: Path = Path("var/work")
    """Folder for temporary files of uploads and renders. Upkeep sweeps it."""

    doorbell_secret: SecretStr = Field(min_length=32)
    """Signs the messages on the queue. The API's own secrets are in `ApiSettings`."""

    # Accounts
    access_token_seconds: int = Field(default=900, ge=1, le=900)
    refresh_token_seconds: int = Field(default=30 * 86_400, ge=1)
    refresh_reuse_grace_seconds: int = Field(default=30, ge=0)
    login_limit_per_account_and_address: Limit = "10 per 15 minutes"
    login_limit_per_account: Limit = "200 per 1 hour"
    """`login_limit_per_account_and_address` allows each address 40 attempts an hour, so only five or more addresses
    together can exhaust this limit and lock a player out. This limit allows 4,800 guesses a day, enough to find only
    the most common passwords."""
    login_limit_per_address: Limit = "100 per 1 minute"
    signup_limit_per_address: Limit = "60 per 1 hour"
    vote_limit_per_account: Limit = "60 per 1 minute"
    vote_limit_per_address: Limit = "600 per 1 minute"
    withdrawal_limit_per_account: Limit = "60 per 1 minute"
    upload_limit_per_account: Limit = "20 per 1 hour"
    upload_limit_per_address: Limit = "120 per 1 hour"

    # Rules of the league
    allow_self_vote: bool = True
    review_required: bool = False
    max_queued_jobs: int = Field(default=2000, ge=1)
    """How many clips may wait for a worker. While this many wait, the API rejects uploads with 503."""

    # The job ledger
    lease_seconds: float = Field(default=60, gt=0)
    heartbeat_seconds: float = Field(default=15, gt=0)
    upkeep_interval_seconds: float = Field(default=15, gt=0)
    redispatch_after_seconds: float = Field(default=60, gt=0)
    backoff_base_seconds: float = Field(default=10, gt=0)
    backoff_max_seconds: float = Field(default=600, gt=0)
    max_attempts: int = Field(default=5, ge=1)
    max_rescues: int = Field(default=3, ge=1)
    max_timeouts: int = Field(default=2, ge=1)
    """A clip fails after this many timed-out renders, because a retry has no more time than the first attempt."""
    sweep_interval_seconds: float = Field(default=3600, gt=0)
    sweep_age_seconds: float = Field(default=86_400, ge=0)

    # Rendering
    render_profile: ProfileName = ProfileName.BROADCAST
    render_preset: str | None = None
    """An x264 preset that replaces the profile's: a faster one gives larger files, a slower one smaller files."""
    render_timeout_seconds: float = Field(default=900, gt=0)
    render_memory_bytes: int = Field(default=8 << 30, ge=1 << 30)
    ffmpeg_path: Path | None = None
    """The FFmpeg binary. Default: the system's, otherwise the one in the imageio-ffmpeg package."""
    brand_dir: Path | None = None
    """A folder with the league's own watermark.png, intro.png and outro.png, and the pages' logo.svg and texts
    (`app/web/texts`). Files that the pages do not find there come from the default brand."""
    workers: int = Field(default=1, ge=1, le=32)
    drain_seconds: float = Field(default=25, ge=0)
    """How long a stopping worker may continue its render before it gives the job back to the ledger."""

    # The API process
    api_threads: int = Field(default=16, ge=1, le=256)
    """How many requests an API process handles at once. Sign-ins, sign-ups and uploads have threads of their own
    (`app.api.bulkheads`)."""
    api_database_connections: int = Field(default=8, ge=1, le=256)
    """How many connections to the database an API process may open. When all are in use, a request waits for one for up
    to 5 s, then gets 503. Requests hold a connection only while they use it, so fewer than `api_threads` suffice."""
    drain_file: Path | None = None
    """While this file exists, /ready fails, so that the load balancer sends no more requests. The process still handles
    requests that arrive."""
    body_seconds: float = Field(default=900, gt=0)
    """How long a request's body may take to arrive: 100 MiB at 1 Mbit/s take 839 s."""
    trusted_proxy: str | None = None
    """The peer whose forwarding headers are trusted (`localhost` behind Nginx on a Unix socket)."""

    cors_origins: Origins = ()
    """Sites whose pages may use the API from a browser. If any is set, pages of every site may read public data."""

    # The pages
    league_name: str = Field(default="Rising Stars", min_length=1, max_length=60)
    """The name of the showcase on every page."""
    league_accent: Colour = "#c2410c"
    """The colour of buttons and links on a light background."""
    league_accent_dark: Colour = "#ff9d4d"
    """The colour of buttons and links on a dark background."""
    site_url: SiteUrl | None = None
    """The site's origin, for example "https://show.example.org". Preview cards and QR codes need it, because the pages
    that contain them are cached for all clients, and a client could send any Host header."""

    # Metrics and logs
    metric_namespace: str | None = None
    """The CloudWatch namespace for upkeep's metrics. Without it, no metrics are sent."""
    log_format: LogFormat = LogFormat.JSON
    log_level: str = "INFO"

    @model_validator(mode="after")
    def _a_lease_outlives_its_heartbeats(self) -> Self:
        if self.heartbeat_seconds * 2 > self.lease_seconds:
            raise ValueError("LEASE_SECONDS must be at least twice HEARTBEAT_SECONDS")
        return self


class ApiSettings(Settings):
    """The settings of API processes: `Settings` plus the secrets that no other process reads."""

    jwt_secret: SecretStr = Field(min_length=32)
    """Signs access tokens and seals refresh tokens."""
    jwt_secret_accepted: SecretStr | None = Field(default=None, min_length=32)
    """A second secret. The API accepts tokens signed with it, but signs none with it. During a rotation, its value is
    first the next `jwt_secret` and later the previous one."""
    verification_secret: SecretStr | None = Field(default=None, min_length=32)
    """Proves that a sign-up comes from `playbooks/verify_site.yml`. Required to create verification accounts."""


Shape = TypeVar("Shape", bound=Settings)


def sqlite_path(url: str) -> Path | None:
    """Return the path in a `sqlite://` URL, without percent-decoding it; None for any other URL."""
    if not url.startswith("sqlite://"):
        return None
    path = url.removeprefix("sqlite:///")
    return Path("/", path.lstrip("/")) if path.startswith("/") else Path(path)


def load_settings(shape: type[Shape]) -> Shape:
    """Read the settings from the environment: `Settings`, or `ApiSettings` for an API process.

    Raises:
        ConfigurationError: variables are missing or invalid; the text has a line for each.
    """
    try:
        return shape()
    except ValidationError as error:
        raise ConfigurationError(_explain_all(error, os.environ)) from None


def check_environment(variables: Mapping[str, str], shape: type[Settings]) -> None:
    """Check that services whose settings are `shape` can start with these variables.

    Raises:
        ConfigurationError: variables are missing or invalid; the text has a line for each.
    """
    known = {name.lower(): value for name, value in variables.items() if name.lower() in shape.model_fields}
    try:
        shape.model_validate(known)
    except ValidationError as error:
        raise ConfigurationError(_explain_all(error, variables)) from None


def _explain_all(error: ValidationError, variables: Mapping[str, str]) -> str:
    return "\n".join(_explain(item["loc"], item["msg"], variables) for item in error.errors())


def _explain(location: tuple[int | str, ...], message: str, variables: Mapping[str, str]) -> str:
    name = str(location[0]).upper() if location else "environment"
    if name != "environment" and name not in variables:
        return f"{name} is not set; it is required."
    return f"{name}: {message}."
