"""The object store: S3 and the keys of objects."""
