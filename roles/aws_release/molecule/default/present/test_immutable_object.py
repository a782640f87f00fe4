"""Tests of the module `immutable_object`, called without the role."""

import hashlib
import importlib.util
import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry, RetryingBotoClientWrapper

BUCKET = "rising-stars-molecule-media-123456789012-us-east-1"
BUNDLE = f"releases/rising-stars-1.4.0-{hashlib.sha256(b'a bundle').hexdigest()[:12]}.tar.gz"
NEW = "drafts/new.tar.gz"
TEXT = "drafts/new.json"


@pytest.fixture(scope="module")
def s3() -> Any:
    return boto3.client("s3")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    file = tmp_path / "bundle.tar.gz"
    file.write_bytes(b"a bundle")
    return file


@pytest.fixture
def other(tmp_path: Path) -> Path:
    file = tmp_path / "other.tar.gz"
    file.write_bytes(b"another bundle")
    return file


@pytest.fixture
def iam_is_asked() -> Iterator[None]:
    """Make moto enforce IAM during the test: each call needs a permission, and no caller has any."""
    moto_lets_pass("0")
    yield
    moto_lets_pass("inf")


def moto_lets_pass(calls: str) -> None:
    address = f"{os.environ['AWS_ENDPOINT_URL']}/moto-api/reset-auth"
    # The URL is that of the test's mock AWS, not external input.
    asked = urllib.request.Request(address, calls.encode(), {"Content-Type": "text/plain"})  # noqa: S310
    urllib.request.urlopen(asked).close()  # noqa: S310


def publish(src: Path | None, key: str, *flags: str, **options: str) -> dict[str, Any]:
    """Run the module for one key and return its result."""
    arguments = json.dumps({"bucket": BUCKET, "key": key, **({"src": str(src)} if src else {}), **options})
    command = ["ansible", "localhost", "-c", "local", "-m", "immutable_object", "-a", arguments, *flags]
    environment = {
        **os.environ,
        "ANSIBLE_LOAD_CALLBACK_PLUGINS": "true",
        "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
    }
    # The command runs the project's module, without a shell.
    ran = subprocess.run(  # noqa: S603
        [*command, "-i", os.environ["MOLECULE_INVENTORY_FILE"]],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=False,
    )
    answer: dict[str, Any] = json.loads(ran.stdout)["plays"][0]["tasks"][0]["hosts"]["localhost"]
    return answer


def content(s3: Any, key: str) -> bytes | None:
    try:
        body: bytes = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    except s3.exceptions.NoSuchKey:
        return None
    return body


def test_a_key_with_the_same_content_is_not_changed(bundle: Path) -> None:
    answer = publish(bundle, BUNDLE)
    assert (answer["changed"], answer["size_bytes"]) == (False, 8)
    assert answer["sha256"] == hashlib.sha256(b"a bundle").hexdigest()
    assert answer["version_id"]


@pytest.mark.parametrize("flags", [(), ("--check",)])
def test_a_published_file_is_never_replaced(s3: Any, other: Path, flags: tuple[str, ...]) -> None:
    answer = publish(other, BUNDLE, *flags)
    assert answer["failed"] is True
    assert answer["msg"].startswith(f"s3://{BUCKET}/{BUNDLE} exists with the SHA-256")
    assert "Published files never change" in answer["msg"]
    assert content(s3, BUNDLE) == b"a bundle"


def test_a_text_is_uploaded_once_like_a_file(s3: Any) -> None:
    assert [publish(None, TEXT, content="Bogotá")["changed"] for _ in range(2)] == [True, False]
    assert content(s3, TEXT) == "Bogotá".encode()
    answer = publish(None, TEXT, content="Cali")
    s3.delete_object(Bucket=BUCKET, Key=TEXT)
    assert "the text given as content has" in answer["msg"]


def test_an_object_without_a_checksum_is_not_mistaken_for_ours(s3: Any, bundle: Path) -> None:
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key=NEW)["UploadId"]
    part = s3.upload_part(Bucket=BUCKET, Key=NEW, UploadId=upload, PartNumber=1, Body=b"a bundle")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket=BUCKET, Key=NEW, UploadId=upload, MultipartUpload=parts)
    answer = publish(bundle, NEW)
    s3.delete_object(Bucket=BUCKET, Key=NEW)
    assert answer["failed"] is True
    assert "SHA-256 unknown to S3" in answer["msg"]


def test_a_plan_uploads_nothing(s3: Any, bundle: Path) -> None:
    assert publish(bundle, NEW, "--check")["changed"] is True
    assert content(s3, NEW) is None


def test_a_file_with_an_unexpected_checksum_is_refused_before_any_call_to_s3(s3: Any, bundle: Path) -> None:
    answer = publish(bundle, NEW, sha256="0" * 64)
    assert answer["failed"] is True
    assert "It is not published." in answer["msg"]
    assert content(s3, NEW) is None


@pytest.mark.usefixtures("iam_is_asked")
def test_without_read_permission_the_error_names_the_required_permissions(bundle: Path) -> None:
    answer = publish(bundle, BUNDLE)
    assert answer["failed"] is True
    assert "s3:GetObject on it and s3:ListBucket are needed" in answer["msg"]


@pytest.mark.parametrize(("file", "same"), [("bundle", True), ("other", False)])
def test_the_second_publisher_in_a_race_replaces_nothing(
    request: pytest.FixtureRequest, s3: Any, file: str, *, same: bool
) -> None:
    """Call `put` without the check for an object, as if another client had created it after the module's check."""
    path: Path = request.getfixturevalue(file)
    source = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"]) / "../../plugins/modules/immutable_object.py"
    spec = importlib.util.spec_from_file_location("immutable_object", source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    asked = SimpleNamespace(params={"bucket": BUCKET, "key": BUNDLE, "src": str(path), "tags": {}})
    client = RetryingBotoClientWrapper(s3, AWSRetry.jittered_backoff())
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    there, changed = module.put(asked, client, sha256)
    assert changed is False
    assert (module.stored_sha256(there) == sha256) is same
    assert content(s3, BUNDLE) == b"a bundle"
