"""Structured logs: one event per line, with the id of the request or job and without secrets."""

import functools
import logging
import re
import sys

import structlog
from structlog.typing import EventDict, WrappedLogger

from app.config import LogFormat, Settings

SECRET_NAMES = re.compile(r"password|secret|token|authorization|cookie|signature", re.IGNORECASE)
SECRETS_IN_TEXT = (
    re.compile(r"(X-Amz-(?:Signature|Credential|Security-Token)=|Bearer\s+)[^&\s\"']+", re.IGNORECASE),
    re.compile(r"(://[^:/@\s]*:)[^@/\s]+(?=@)"),
)
MARKS = re.compile(r"://|X-Amz-|Bearer", re.IGNORECASE)
"""Texts that precede the secrets above. Most values contain none of these texts, so one search is enough for them."""

NOISY_LIBRARIES = ("botocore", "boto3", "urllib3", "s3transfer", "peewee", "markdown_it")


def configure_logging(settings: Settings) -> None:
    """Configure this process's logs from its settings."""
    send_logs(settings.log_format, settings.log_level)


def send_logs(log_format: LogFormat, level: str) -> None:
    """Send the platform's and the libraries' logs to stderr in one format.

    The platform's own events bypass the standard library's logging, because logging one event there takes longer than
    handling some requests.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact,
    ]
    console = log_format is LogFormat.CONSOLE
    renderer = structlog.dev.ConsoleRenderer(colors=False) if console else structlog.processors.JSONRenderer()

    def encoded(logger: WrappedLogger, method: str, event: EventDict) -> bytes:
        return str(renderer(logger, method, event)).encode(errors="backslashreplace")

    structlog.configure(
        processors=[*shared, encoded],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processor=renderer))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(number)
    for name in NOISY_LIBRARIES:
        logging.getLogger(name).setLevel(logging.WARNING)


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Redact values whose name suggests a secret, and secrets inside other values, for example in URLs and headers."""
    for name, value in event.items():
        if _is_secret(name):
            event[name] = "[redacted]"
        elif isinstance(value, str) and MARKS.search(value):
            event[name] = _without_secrets(value)
    return event


@functools.lru_cache(maxsize=512)
def _is_secret(name: str) -> bool:
    return SECRET_NAMES.search(name) is not None


def _without_secrets(text: str) -> str:
    for pattern in SECRETS_IN_TEXT:
        text = pattern.sub(r"\1[redacted]", text)
    return text
