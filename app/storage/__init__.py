"""The object store: S3 and its keys."""
