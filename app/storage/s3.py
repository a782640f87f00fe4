"""The object store: any S3-compatible service, accessed with boto3.

Endpoint, region and credentials come from the standard AWS variables or the instance role.
"""

import base64
import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import boto3
from boto3.exceptions import S3UploadFailedError
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from app.storage.errors import ObjectNotFound, StorageUnavailable
from app.storage.keys import ORIGINALS
from app.storage.presigning import Presigner

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

MULTIPART_BYTES = 16 * 1024 * 1024
"""Files of this size or larger are uploaded in parts of this size, so that a retry sends only the failed part again."""

CACHED_URLS = 8192
MISSING = {"404", "NoSuchKey", "NotFound"}


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object's metadata in the store."""

    key: str
    size_bytes: int
    sha256: str | None
    """Hex; None for an object that was uploaded in parts, and for objects that `list` yields."""
    modified_at: float
    """Epoch seconds, by the store's clock."""


class S3Store:
    """One bucket. Threads may share it. It connects at first use, so it may be created before a fork."""

    def __init__(self, bucket: str, *, presigned_url_seconds: int, media_base_url: str | None = None) -> None:
        self._bucket = bucket
        self._media_base_url = media_base_url.rstrip("/") if media_base_url else None
        self._presigned_url_seconds = presigned_url_seconds
        # A list of 100 videos needs 200 signatures, so presigned URLs are reused for half their lifetime. Stable URLs
        # also let browsers cache the objects. Each URL is stored with the time until which it is reused. A dictionary
        # needs no lock, because each of its operations is atomic.
        self._urls: dict[str, tuple[str, float]] = {}
        self._connecting = threading.Lock()

    @cached_property
    def _session(self) -> boto3.session.Session:
        """The session of both clients. A second session would load its own copy of S3's service model, 15 MB."""
        return boto3.session.Session()

    @cached_property
    def _client(self) -> "S3Client":
        return self._connect(connect_timeout=3, read_timeout=20, attempts=4)

    @cached_property
    def _impatient_client(self) -> "S3Client":
        return self._connect(connect_timeout=1, read_timeout=2, attempts=1)

    def _connect(self, *, connect_timeout: float, read_timeout: float, attempts: int) -> "S3Client":
        """Create a client. Time-outs are in seconds and apply to each attempt."""
        config = Config(
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            retries={"mode": "standard", "total_max_attempts": attempts},
            max_pool_connections=32,
            signature_version="s3v4",
        )
        # Threads may share a client, but not a session.
        with self._connecting:
            return self._session.client("s3", config=config)

    def upload(self, path: Path, key: str, *, content_type: str) -> None:
        """Store a file, in parts if it is large. The file is streamed from disk, so that memory never holds all of it.

        Raises:
            StorageUnavailable: the client's retries failed.
        """
        config = TransferConfig(
            multipart_threshold=MULTIPART_BYTES, multipart_chunksize=MULTIPART_BYTES, use_threads=False
        )
        with _translated(key):
            self._client.upload_file(
                str(path), self._bucket, key, ExtraArgs={"ContentType": content_type}, Config=config
            )

    def upload_checked(self, path: Path, key: str, *, content_type: str, sha256: str) -> None:
        """Store a file in one request, with a SHA-256 (hex) that the store verifies and records.

        Raises:
            StorageUnavailable: the store failed, or received bytes that do not match.
        """
        checksum = base64.b64encode(bytes.fromhex(sha256)).decode()
        with _translated(key), path.open("rb") as body:
            self._client.put_object(
                Bucket=self._bucket, Key=key, Body=body, ContentType=content_type, ChecksumSHA256=checksum
            )

    def download(self, key: str, path: Path) -> str:
        """Download an object into a file.

        Returns:
            The SHA-256 of the written bytes, hex.

        Raises:
            ObjectNotFound: there is no such object.
            StorageUnavailable: the store failed, possibly in the middle of the body.
        """
        digest = hashlib.sha256()
        with _translated(key), path.open("wb") as target:
            body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
            for chunk in body.iter_chunks(1024 * 1024):
                digest.update(chunk)
                target.write(chunk)
        return digest.hexdigest()

    def delete(self, key: str) -> None:
        """Delete an object. It is not an error if the object does not exist."""
        with _translated(key):
            self._client.delete_object(Bucket=self._bucket, Key=key)

    def stat(self, key: str) -> StoredObject:
        """Return the size, checksum and modification time of an object.

        Raises:
            ObjectNotFound: there is no such object.
        """
        with _translated(key):
            head = self._client.head_object(Bucket=self._bucket, Key=key, ChecksumMode="ENABLED")
        checksum = head.get("ChecksumSHA256")
        whole = checksum is not None and "-" not in checksum
        return StoredObject(
            key=key,
            size_bytes=head["ContentLength"],
            sha256=base64.b64decode(checksum).hex() if checksum and whole else None,
            modified_at=head["LastModified"].timestamp(),
        )

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Yield every object whose key begins with `prefix`."""
        with _translated(prefix):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
                for item in page.get("Contents", []):
                    yield StoredObject(item["Key"], item["Size"], None, item["LastModified"].timestamp())

    def url(self, key: str) -> str:
        """Return an object's URL for browsers: under the CDN's base URL if there is one, otherwise presigned."""
        if self._media_base_url:
            return f"{self._media_base_url}/{quote(key)}"
        now = time.monotonic()
        known = self._urls.get(key)
        if known is not None and known[1] > now:
            return known[0]
        url = self.presign(key)
        if len(self._urls) >= CACHED_URLS:
            self._urls.clear()
        self._urls[key] = url, now + self._presigned_url_seconds / 2
        return url

    def origin(self) -> str:
        """Return the origin of the URLs that `url` returns."""
        parts = urlsplit(self.url(ORIGINALS))
        return f"{parts.scheme}://{parts.netloc}"

    def presign(self, key: str) -> str:
        """Return a URL that lets its holder read one object for a limited time."""
        with _translated(key):
            return self._presigner.sign(key)

    @cached_property
    def _presigner(self) -> Presigner:
        def model(key: str) -> str:
            parameters = {"Bucket": self._bucket, "Key": key}
            return self._client.generate_presigned_url(
                "get_object", Params=parameters, ExpiresIn=self._presigned_url_seconds
            )

        region = self._client.meta.region_name
        with self._connecting:
            credentials = self._session.get_credentials()
        if credentials is None:
            raise NoCredentialsError
        return Presigner(model, credentials, region, seconds=self._presigned_url_seconds)

    def ping(self) -> None:
        """Check that the bucket is reachable, with one cheap signed request, short time-outs and no retry.

        Raises:
            StorageUnavailable: the store did not respond, or rejected the request.
        """
        with _translated(self._bucket):
            self._impatient_client.list_objects_v2(Bucket=self._bucket, MaxKeys=1, Prefix=ORIGINALS)


@contextmanager
def _translated(subject: str) -> Iterator[None]:
    """Turn the client's exceptions into `ObjectNotFound` or `StorageUnavailable`."""
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in MISSING:
            raise ObjectNotFound(subject) from error
        raise StorageUnavailable(f"{subject}: {error}") from error
    except (BotoCoreError, S3UploadFailedError) as error:
        raise StorageUnavailable(f"{subject}: {error}") from error
