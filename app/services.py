"""Builds the dependencies of the API, the workers and the operator's commands from their settings."""

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
    """The dependencies of one process. They open no connection when built, so they may be built before a fork."""

    settings: Settings
    database: Database
    store: S3Store


def build_services(settings: Settings, *, database_connections: int) -> Services:
    """Build the dependencies of a process that may open `database_connections` connections to the database."""
    return Services(
        settings=settings,
        database=open_database(settings.database_url, max_connections=database_connections),
        store=S3Store(
            settings.s3_bucket,
            presigned_url_seconds=settings.presigned_url_seconds,
            media_base_url=settings.media_base_url,
        ),
    )


def build_sessions(settings: ApiSettings, tokens: Tokens) -> Sessions:
    """Build `Sessions`. Only API processes call this: no other process has the secret that signs tokens."""
    return Sessions(
        tokens,
        refresh_seconds=settings.refresh_token_seconds,
        reuse_grace_seconds=settings.refresh_reuse_grace_seconds,
    )


def build_tokens(settings: ApiSettings) -> Tokens:
    """Build `Tokens`, which signs and seals tokens with the API's secrets."""
    accepted = settings.jwt_secret_accepted
    return Tokens(
        settings.jwt_secret.get_secret_value(),
        accepted=accepted.get_secret_value() if accepted else None,
        access_seconds=settings.access_token_seconds,
        clock=time.time,
    )


def build_encoder(settings: Settings) -> Encoder:
    """Build the encoder, for processes that render."""
    return Encoder(
        ffmpeg=settings.ffmpeg_path,
        brand_dir=settings.brand_dir,
        timeout_seconds=settings.render_timeout_seconds,
        memory_bytes=settings.render_memory_bytes,
        preset=settings.render_preset,
    )


def build_cloudwatch(settings: Settings) -> CloudWatch | None:
    """Build the CloudWatch client for metrics; return None if no namespace is set."""
    return CloudWatch(settings.metric_namespace) if settings.metric_namespace else None


def warn_of_sandbox_gaps() -> None:
    """Log which parts of the sandbox for FFmpeg and MediaInfo this kernel cannot enforce."""
    for gap in sandbox_gaps():
        log.warning("sandbox_incomplete", problem=gap)
