"""From settings to working parts: what the API, the workers and the operator's commands share."""

import time
from dataclasses import dataclass

import structlog
from peewee import Database

from app.config import Settings
from app.db.database import open_database
from app.media.encoder import Encoder
from app.media.sandbox import sandbox_gaps
from app.showcase.accounts import Accounts
from app.showcase.passwords import Passwords
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
    accounts: Accounts


def build_services(settings: Settings, *, threads: int) -> Services:
    """Put the parts together for a process with that many threads that use the database."""
    tokens = Tokens(
        settings.jwt_secret.get_secret_value(), access_seconds=settings.access_token_seconds, clock=time.time
    )
    return Services(
        settings=settings,
        database=open_database(settings.database_url, max_connections=threads + 1),
        store=S3Store(
            settings.s3_bucket,
            presigned_url_seconds=settings.presigned_url_seconds,
            media_base_url=settings.media_base_url,
        ),
        accounts=Accounts(
            Passwords(),
            tokens,
            refresh_seconds=settings.refresh_token_seconds,
            reuse_grace_seconds=settings.refresh_reuse_grace_seconds,
        ),
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
