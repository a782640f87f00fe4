"""The Huey instance, which only carries doorbell messages. Its queue is Redis, or a SQLite file on an embedded site."""

from huey import Huey, PriorityRedisExpireHuey, SqliteHuey
from huey.serializer import SignedSerializer
from redis import ConnectionPool

from app.config import Settings, sqlite_path

QUEUE_NAME = "rising-stars"
READ_SECONDS = 1
"""The timeout of a worker's blocking read. It must be shorter than the worker's socket timeout, `LISTEN_SECONDS`."""

RING_SECONDS = 1.0
LISTEN_SECONDS = 5.0


def create_broker(settings: Settings, *, socket_seconds: float) -> Huey:
    """Create a Huey instance that stores no results. It signs its messages, because receivers unpickle them.

    Args:
        settings: the queue's URL and the secret for the signature.
        socket_seconds: the timeout of each Redis call: `RING_SECONDS` or `LISTEN_SECONDS`.
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
