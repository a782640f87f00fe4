"""From settings to working parts: what the API, the workers and the operator's commands share."""

import time
from dataclasses import dataclass

import structlog
from peewee import Database

from app.config import ApiSettings, Settings
from app.db.database import open_database
from app.media.encoder import Encoder
from app.media.sandbox import sandbox_gaps
from app.showcase.sessions import Sessions
from app.showcase.tokens import Tokens
from app.storage.s3 import S3Store
from app.telemetry.cloudwatch import CloudWatch

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of one process. Nothing is connected yet, so they may be built before a fork."""

    settings: Settings
    database: Database
    store: S3Store


def build_services(settings: Settings, *, threads: int) -> Services:
    """Put the parts together for a process with that many threads that use the database."""
    return Services(
        settings=settings,
        database=open_database(settings.database_url, max_connections=threads + 1),
        store=S3Store(
            settings.s3_bucket,
            presigned_url_seconds=settings.presigned_url_seconds,
            media_base_url=settings.media_base_url,
        ),
    )


def build_sessions(settings: ApiSettings, tokens: Tokens) -> Sessions:
    """Who is signed in: for processes of the API, which alone have the secret of the tokens."""
    return Sessions(
        tokens,
        refresh_seconds=settings.refresh_token_seconds,
        reuse_grace_seconds=settings.refresh_reuse_grace_seconds,
    )


def build_tokens(settings: ApiSettings) -> Tokens:
    """What the API's secrets sign and seal."""
    accepted = settings.jwt_secret_accepted
    return Tokens(
        settings.jwt_secret.get_secret_value(),
        accepted=accepted.get_secret_value() if accepted else None,
        access_seconds=settings.access_token_seconds,
        clock=time.time,
    )


def build_encoder(settings: Settings) -> Encoder:
    """The FFmpeg side, for processes that render."""
    return Encoder(
        ffmpeg=settings.ffmpeg_path,
        brand_dir=settings.brand_dir,
        timeout_seconds=settings.render_timeout_seconds,
        memory_bytes=settings.render_memory_bytes,
        preset=settings.render_preset,
    )


def build_cloudwatch(settings: Settings) -> CloudWatch | None:
    """Where metrics go; nowhere without a namespace."""
    return CloudWatch(settings.metric_namespace) if settings.metric_namespace else None


def warn_of_sandbox_gaps() -> None:
    """Log what this machine's kernel cannot keep FFmpeg and MediaInfo from. For the start of what runs them."""
    for gap in sandbox_gaps():
        log.warning("sandbox_incomplete", problem=gap)
