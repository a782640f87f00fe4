"""The object store with a real S3 server: upload, download, delete, stat, list and presign."""

import hashlib
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from app.storage.errors import ObjectNotFound, StorageUnavailable
from app.storage.s3 import MULTIPART_BYTES, S3Store
from demo.ports import free_port
from testing.homes import Bucket


@pytest.fixture
def bucket(new_bucket: Callable[[], Bucket], monkeypatch: pytest.MonkeyPatch) -> Bucket:
    made = new_bucket()
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    return made


@pytest.fixture
def store(bucket: Bucket) -> S3Store:
    return S3Store(bucket.name, presigned_url_seconds=600)


def write(path: Path, size_bytes: int) -> str:
    """Write a file of that size with varied content and return its SHA-256."""
    block = hashlib.sha256(path.name.encode()).digest() * 1024
    content = (block * (size_bytes // len(block) + 1))[:size_bytes]
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("size_bytes", [0, 1, 1_000_000, 2 * MULTIPART_BYTES + 12_345])
def test_an_uploaded_object_is_downloaded_byte_for_byte(size_bytes: int, store: S3Store, tmp_path: Path) -> None:
    sha256 = write(tmp_path / "there", size_bytes)
    store.upload(tmp_path / "there", "unprocessed-videos/a.mp4", content_type="video/mp4")
    assert store.download("unprocessed-videos/a.mp4", tmp_path / "back") == sha256
    assert (tmp_path / "back").read_bytes() == (tmp_path / "there").read_bytes()
    assert store.stat("unprocessed-videos/a.mp4").size_bytes == size_bytes


def test_a_large_object_is_uploaded_in_parts(store: S3Store, bucket: Bucket, tmp_path: Path) -> None:
    write(tmp_path / "large", MULTIPART_BYTES + 1)
    store.upload(tmp_path / "large", "large", content_type="video/mp4")
    with bucket.client() as client:
        head = client.head_object(Bucket=bucket.name, Key="large")
    assert head["ETag"].strip('"').endswith("-2")
    assert head["ContentType"] == "video/mp4"


def test_the_store_keeps_the_checksum_of_a_result(store: S3Store, tmp_path: Path) -> None:
    sha256 = write(tmp_path / "result", 3_000_000)
    store.upload_checked(tmp_path / "result", "processed-videos/r.mp4", content_type="video/mp4", sha256=sha256)
    assert store.stat("processed-videos/r.mp4").sha256 == sha256


def test_a_result_that_does_not_match_its_checksum_is_refused(store: S3Store, bucket: Bucket, tmp_path: Path) -> None:
    write(tmp_path / "result", 1000)
    with pytest.raises(StorageUnavailable):
        store.upload_checked(tmp_path / "result", "r", content_type="video/mp4", sha256="00" * 32)
    assert bucket.stored_keys() == set()


def test_a_missing_object_raises_its_own_exception(store: S3Store, tmp_path: Path) -> None:
    with pytest.raises(ObjectNotFound):
        store.stat("nothing")
    with pytest.raises(ObjectNotFound):
        store.download("nothing", tmp_path / "file")


def test_deleting_a_missing_object_is_not_an_error(store: S3Store, bucket: Bucket, tmp_path: Path) -> None:
    write(tmp_path / "file", 10)
    store.upload(tmp_path / "file", "key", content_type="video/mp4")
    store.delete("key")
    store.delete("key")
    assert bucket.stored_keys() == set()


def test_a_list_shows_only_its_prefix(store: S3Store, tmp_path: Path) -> None:
    write(tmp_path / "file", 10)
    for key in ("a/1", "a/2", "b/1"):
        store.upload(tmp_path / "file", key, content_type="video/mp4")
    listed = list(store.list("a/"))
    assert [item.key for item in listed] == ["a/1", "a/2"]
    assert all(abs(item.modified_at - time.time()) < 60 for item in listed)


def test_a_presigned_url_lets_its_holder_read_one_object(store: S3Store, tmp_path: Path) -> None:
    write(tmp_path / "file", 1000)
    store.upload(tmp_path / "file", "posters/p.jpg", content_type="image/jpeg")
    url = store.url("posters/p.jpg")
    answer = httpx.get(url, trust_env=False)
    assert (answer.status_code, answer.content) == (200, (tmp_path / "file").read_bytes())
    assert httpx.get(url.replace("p.jpg", "q.jpg"), trust_env=False).status_code == 403
    assert httpx.get(url.partition("?")[0], trust_env=False).status_code == 403


def test_a_presigned_url_is_reused_so_that_browsers_can_cache(store: S3Store) -> None:
    first = store.url("posters/p.jpg")
    time.sleep(1.1)
    assert store.url("posters/p.jpg") == first
    assert store.presign("posters/p.jpg") != first


def test_urls_begin_with_the_cdn_when_one_is_configured(bucket: Bucket) -> None:
    store = S3Store(bucket.name, presigned_url_seconds=600, media_base_url="https://media.example.com/")
    assert store.url("posters/a b.jpg") == "https://media.example.com/posters/a%20b.jpg"


def test_an_unreachable_store_is_reported_after_bounded_retries(
    store: S3Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    write(tmp_path / "file", 10)
    began = time.monotonic()
    with pytest.raises(StorageUnavailable):
        store.upload(tmp_path / "file", "key", content_type="video/mp4")
    with pytest.raises(StorageUnavailable):
        store.ping()
    assert time.monotonic() - began < 60
