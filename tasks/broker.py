"""The Huey instance: Redis in production, a SQLite file when embedded. It carries doorbells, nothing else."""

from huey import Huey, PriorityRedisExpireHuey, SqliteHuey
from huey.serializer import SignedSerializer
from redis import ConnectionPool

from app.config import Settings, sqlite_path

QUEUE_NAME = "rising-stars"
READ_SECONDS = 1
"""How long a worker's blocking read lasts; its socket may take longer, a ringer's may not."""

RING_SECONDS = 1.0
LISTEN_SECONDS = 5.0


def create_broker(settings: Settings, *, socket_seconds: float) -> Huey:
    """A Huey that keeps no results and signs what it sends (its messages are pickles).

    Args:
        settings: where the queue is, and the secret of the signature.
        socket_seconds: bound on every answer of Redis; `RING_SECONDS` or `LISTEN_SECONDS`.
    """
    serializer = SignedSerializer(secret=settings.doorbell_secret.get_secret_value(), salt=QUEUE_NAME)
    file = sqlite_path(settings.queue_url)
    if file is not None:
        return SqliteHuey(
            QUEUE_NAME,
            filename=str(file),
            results=False,
            serializer=serializer,
            timeout=socket_seconds,
        )
    pool = ConnectionPool.from_url(
        settings.queue_url, socket_timeout=socket_seconds, socket_connect_timeout=socket_seconds
    )
    return PriorityRedisExpireHuey(
        QUEUE_NAME,
        connection_pool=pool,
        read_timeout=READ_SECONDS,
        results=False,
        serializer=serializer,
    )
