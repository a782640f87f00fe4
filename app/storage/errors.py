"""What can go wrong between a file and the object store."""


class StorageError(Exception):
    """The object store did not do what was asked."""


class ObjectNotFound(StorageError):
    """There is no object under this key."""


class StorageUnavailable(StorageError):
    """The store refused, timed out or could not be reached, and retries did not help."""
