"""Errors of the object store."""


class StorageError(Exception):
    """A request to the object store failed."""


class ObjectNotFound(StorageError):
    """There is no object under this key."""


class StorageUnavailable(StorageError):
    """The store rejected the request, timed out or could not be reached, even after retries."""
