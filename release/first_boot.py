#!/usr/bin/python3
"""The first boot of a machine: download a release, verify it and run its `release/become`.

The playbooks pass this program to each instance as its user data, with the machine's settings inside, and cloud-init
runs it once. The program contains no secret: it signs requests with the credentials of the instance's role. A machine
whose image was baked from the release already has every file, so it downloads nothing.

The outcome is in the tag BootStatus: "ready", or "failed: " and the reason. The last lines of output are in the log
group of the machine's kind.

The file uses only the standard library, because a stock Debian 12 has no other packages. AWS limits user data to 16 KB.
"""

import hashlib
import hmac
import json
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import gmtime, sleep, strftime, time
from typing import NamedTuple
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import Request, urlopen

SETTINGS = r"""@SETTINGS@"""
"""`Settings` as JSON. In the repository, a marker takes its place; playbooks/vars/site.yml replaces the marker."""

FAILURE = Path("/run/rising-stars-failure")
"""The file to which `release/become` writes the failed task and the reason."""
BOOT_FAILED = Path("/etc/rising-stars/boot-failed")
"""While this file exists, rising-stars-settings.service does not start, nor do units that need the settings file."""
METADATA_URL = "http://169.254.169.254/latest/"
ROLE_CREDENTIALS = "meta-data/iam/security-credentials/"
PAUSES_SECONDS = (1, 2, 4, 8, 16, 0)
"""Pauses after failed attempts at a request. At first, a new machine may lack network or credentials."""
TAG_VALUE_LENGTH = 255
LOG_LENGTH = 60_000
"""In characters. CloudWatch accepts 256 KiB."""
ALGORITHM = "AWS4-HMAC-SHA256"
READY = "ready"


@dataclass(frozen=True)
class Settings:
    """The machine's kind and settings, and the location of its release."""

    kind: str
    region: str
    endpoint_url: str
    """The endpoint of mock AWS in a rehearsal; empty for AWS itself."""
    parameters: str
    """The path of the site's SSM parameters."""
    release: str
    bucket: str
    bundle: str
    """The folder that the bundle is unpacked into. The archive is beside the folder, as <bundle>.tar.gz."""
    files: Sequence[tuple[str, str, str]]
    """The files to download: path on the machine, key in the bucket, SHA-256."""


class Credentials(NamedTuple):
    """Session credentials of the instance's role."""

    access_key_id: str
    secret_access_key: str
    session_token: str


class BootFailed(Exception):
    """This machine cannot be configured; the message states the reason in one line."""


def main() -> str | None:
    """Configure this machine and report the outcome in tags. Return the argument for sys.exit: None or the failure."""
    settings = Settings(**json.loads(SETTINGS))
    output: deque[str] = deque(maxlen=200)
    status = boot(settings, output)
    if status != READY:
        keep_out_of_service()
    # The tag is set last, because aws_image terminates a failed builder once it reads the tag.
    log(settings, f"{''.join(output)}boot {status} release={settings.release}")
    tag_instance(settings, status)
    return None if status == READY else status


def boot(settings: Settings, output: deque[str]) -> str:
    """Download the release and run its `release/become`. Return the value for the tag BootStatus."""
    try:
        for path, key, sha256 in settings.files:
            fetch(settings, Path(path), key, sha256)
        unpack(Path(settings.bundle))
        become(settings, output)
    except Exception as error:  # noqa: BLE001 (the tag reports any failure)
        return f"failed: {error}"
    return READY


def fetch(settings: Settings, path: Path, key: str, sha256: str) -> None:
    """Download the object `key` to `path` and verify it, unless the file exists with the right checksum."""
    if path.exists() and digest(path.read_bytes()) == sha256:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(call_aws(settings, "s3", quote(f"/{settings.bucket}/{key}")))
    if (found := digest(path.read_bytes())) != sha256:
        raise BootFailed(f"{key} has the SHA-256 {found}, not {sha256}")


def unpack(bundle: Path) -> None:
    """Unpack the archive beside `bundle` into <bundle>.half, and rename this folder once all files are extracted."""
    if bundle.exists():
        return
    half = Path(f"{bundle}.half")
    try:
        half.mkdir(parents=True, exist_ok=True)
        extract(Path(f"{bundle}.tar.gz"), half)
        half.rename(bundle)
    except (OSError, BootFailed) as error:
        raise BootFailed(f"unpack the bundle: {error}") from error


def extract(archive: Path, folder: Path) -> None:
    """Extract all files of `archive`. If tar fails, raise `BootFailed` with the second-to-last line of its stderr.

    The last line only says that tar failed.
    """
    command = ["tar", "-xf", str(archive), "-C", str(folder), "--no-same-owner"]
    tar = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    if tar.returncode != 0:
        raise BootFailed("".join(tar.stderr.splitlines()[-2:][:1]))


def become(settings: Settings, output: deque[str]) -> None:
    """Run the bundle's `release/become`, which configures this machine. Print its lines and append them to `output`."""
    command = ["release/become", settings.kind, "--parameters", settings.parameters]
    command += ["--region", settings.region, "--endpoint-url", settings.endpoint_url]
    with subprocess.Popen(command, cwd=settings.bundle, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        for line in process.stdout or ():
            output.append(line.decode(errors="replace"))
            print(output[-1], end="", flush=True)
    if process.returncode != 0:
        crash = f"release/become: exit code {process.returncode}: {''.join([*output][-1:])}"
        raise BootFailed((FAILURE.read_text() if FAILURE.exists() else crash).strip())


def keep_out_of_service() -> None:
    """Keep the platform's units from starting, now and after a reboot. Ignore failures: the tags must still be set."""
    subprocess.run(["install", "-D", "/dev/null", str(BOOT_FAILED)], check=False)
    subprocess.run(["systemctl", "stop", "rising-stars-settings.service"], check=False)


def log(settings: Settings, message: str) -> None:
    """Write an event to the log group of the machine's kind. Ignore failures: the tags must still be set."""
    group = f"{settings.parameters}/{settings.kind.removeprefix('extra_')}"
    stream = {"logGroupName": group, "logStreamName": read_metadata("meta-data/instance-id")}
    event = {"timestamp": int(time() * 1000), "message": message[-LOG_LENGTH:]}
    for operation, request in ("CreateLogStream", stream), ("PutLogEvents", {**stream, "logEvents": [event]}):
        try:
            call_aws(settings, "logs", "/", target=f"Logs_20140328.{operation}", body=json.dumps(request).encode())
        except BootFailed as error:
            print(f"{operation} {group}: {error}")


def tag_instance(settings: Settings, status: str) -> None:
    """Set the tags BootStatus and Release on this instance."""
    query = {
        "Action": "CreateTags",
        "ResourceId.1": read_metadata("meta-data/instance-id"),
        "Tag.1.Key": "BootStatus",
        "Tag.1.Value": status[:TAG_VALUE_LENGTH],
        "Tag.2.Key": "Release",
        "Tag.2.Value": settings.release,
        "Version": "2016-11-15",
    }
    call_aws(settings, "ec2", "/", urlencode(sorted(query.items()), quote_via=quote))


def call_aws(
    settings: Settings, service: str, path: str, query: str = "", *, target: str = "", body: bytes = b""
) -> bytes:
    """Return the response to a signed GET or, with a JSON `body`, POST. `path` and sorted `query` are URL-encoded."""
    credentials = read_credentials()
    endpoint = settings.endpoint_url or f"https://{service}.{settings.region}.amazonaws.com"
    headers = {
        "host": urlsplit(endpoint).netloc,
        "x-amz-content-sha256": digest(body),
        "x-amz-date": strftime("%Y%m%dT%H%M%SZ", gmtime()),
        "x-amz-security-token": credentials.session_token,
    }
    if body:
        headers = {"content-type": "application/x-amz-json-1.1", **headers, "x-amz-target": target}
    scope = f"{headers['x-amz-date'][:8]}/{settings.region}/{service}/aws4_request"
    headers["authorization"] = authorize(credentials, scope, path, query, headers, body=body)
    return send(f"{endpoint}{path}?{query}", headers=headers, body=body)


def authorize(
    credentials: Credentials, scope: str, path: str, query: str, headers: Mapping[str, str], *, body: bytes = b""
) -> str:
    """Return the Authorization header (Signature Version 4) of a request with `headers`, sorted by name."""
    names = ";".join(headers)
    lines = ["POST" if body else "GET", path, query, *map(":".join, headers.items()), "", names, digest(body)]
    canonical_request = "\n".join(lines).encode()
    string_to_sign = "\n".join([ALGORITHM, headers["x-amz-date"], scope, digest(canonical_request)])
    signature = sign(credentials.secret_access_key, scope, string_to_sign)
    return f"{ALGORITHM} Credential={credentials.access_key_id}/{scope}, SignedHeaders={names}, Signature={signature}"


def sign(secret_access_key: str, scope: str, string_to_sign: str) -> str:
    """Return the signature. One HMAC for each part of the scope derives the signing key from the secret access key."""
    key = f"AWS4{secret_access_key}".encode()
    for part in [*scope.split("/"), string_to_sign]:
        key = hmac.digest(key, part.encode(), "sha256")
    return key.hex()


def read_credentials() -> Credentials:
    """Return the credentials of the instance's role."""
    role = read_metadata(ROLE_CREDENTIALS)
    keys = json.loads(read_metadata(ROLE_CREDENTIALS + role))
    return Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys["Token"])


def read_metadata(path: str) -> str:
    """Return the value at `path` of the instance metadata service (version 2)."""
    token = send(METADATA_URL + "api/token", "PUT", headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"}).decode()
    return send(METADATA_URL + path, headers={"X-aws-ec2-metadata-token": token}).decode()


def send(url: str, method: str | None = None, *, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """Return the response's body. If all attempts fail, raise the last error, with the URL but without its query."""
    request = Request(url, body or None, dict(headers), method=method)  # noqa: S310 (the playbooks set the URL)
    failure = ""
    for pause in PAUSES_SECONDS:
        try:
            with urlopen(request, timeout=60) as response:  # noqa: S310
                return bytes(response.read())
        except OSError as error:
            failure = f"{url.partition('?')[0]}: {error}"
            sleep(pause)
    raise BootFailed(failure)


def digest(content: bytes) -> str:
    """Return the SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
