"""The program of a machine's first boot (release/first_boot.py), step by step."""

import hashlib
import tarfile
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Self

import pytest

from release import first_boot
from release.first_boot import BootFailed, Credentials, Settings

EMPTY = hashlib.sha256(b"").hexdigest()
SUITE = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "")
"""Credentials of AWS's Signature Version 4 test suite (awslabs/aws-c-auth, tests/aws-signing-test-suite/v4)."""
SUITE_SCOPE = "20150830/us-east-1/service/aws4_request"
SUITE_HEADERS = {"host": "example.amazonaws.com", "x-amz-date": "20150830T123600Z"}
SUITE_TOKEN = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267"
S3 = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "")
"""Credentials in Amazon S3's API reference, "Signature Calculations for the Authorization Header"."""
S3_SCOPE = "20130524/us-east-1/s3/aws4_request"
S3_HEADERS = {
    "host": "examplebucket.s3.amazonaws.com",
    "x-amz-content-sha256": EMPTY,
    "x-amz-date": "20130524T000000Z",
}


class Server:
    """Responds with 503 to the first `failures` requests, then with 200 and "content"."""

    def __init__(self, failures: int) -> None:
        self.requests: list[str] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.requests.append(self.path)
                self.send_response(503 if len(server.requests) <= failures else 200)
                self.end_headers()
                self.wfile.write(b"content")

            def log_message(self, *_arguments: object) -> None:
                """Print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that the program would have waited, in order."""
    waited: list[float] = []
    monkeypatch.setattr(first_boot, "sleep", waited.append)
    return waited


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        kind="web",
        region="eu-west-1",
        endpoint_url="http://aws.invalid",
        parameters="/rising-stars/tests",
        release="1.2.3",
        bucket="media",
        bundle=str(tmp_path / "bundles" / "abc"),
        files=[],
    )


@pytest.fixture
def bundle(settings: Settings, tmp_path: Path) -> Path:
    """The folder to unpack the bundle into; the archive is beside it and contains a fake `release/become`."""
    become = tmp_path / "content" / "release" / "become"
    become.parent.mkdir(parents=True)
    become.write_text('#!/bin/sh\necho "$PWD: $@" > arguments\n')
    become.chmod(0o755)
    bundle = Path(settings.bundle)
    bundle.parent.mkdir()
    with tarfile.open(f"{bundle}.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "content", arcname=".")
    return bundle


@pytest.mark.parametrize(
    ("credentials", "scope", "query", "headers", "signature"),
    [
        pytest.param(
            SUITE,
            SUITE_SCOPE,
            "",
            SUITE_HEADERS,
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            id="get-vanilla",
        ),
        pytest.param(
            SUITE,
            SUITE_SCOPE,
            "",
            {**SUITE_HEADERS, "x-amz-security-token": SUITE_TOKEN},
            "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8",
            id="get-vanilla-with-session-token",
        ),
        pytest.param(
            S3,
            S3_SCOPE,
            "max-keys=2&prefix=J",
            S3_HEADERS,
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
            id="S3's list of objects",
        ),
    ],
)
def test_a_signature_is_the_one_that_aws_publishes(
    credentials: Credentials, scope: str, query: str, headers: dict[str, str], signature: str
) -> None:
    names = ";".join(headers)
    assert first_boot.authorize(credentials, scope, "/", query, headers) == (
        f"AWS4-HMAC-SHA256 Credential={credentials.access_key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    )


def test_a_signature_of_a_post_is_the_one_that_aws_publishes() -> None:
    """The case post-x-www-form-urlencoded of AWS' test suite for Signature Version 4."""
    headers = {"content-type": "application/x-www-form-urlencoded", **SUITE_HEADERS}
    authorization = first_boot.authorize(SUITE, SUITE_SCOPE, "/", "", headers, body=b"Param1=value1")
    assert authorization.endswith("Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a")


def test_a_request_is_repeated_with_longer_and_longer_pauses(pauses: list[float]) -> None:
    with Server(failures=5) as server:
        assert first_boot.send(f"{server.url}/path", headers={}) == b"content"
    assert server.requests == ["/path"] * 6
    assert pauses == [1, 2, 4, 8, 16]


def test_after_the_sixth_attempt_the_last_error_is_reported_without_the_query(pauses: list[float]) -> None:
    with Server(failures=6) as server, pytest.raises(BootFailed) as failure:
        first_boot.send(f"{server.url}/path?signed=secret", headers={})
    assert str(failure.value) == f"{server.url}/path: HTTP Error 503: Service Unavailable"
    assert server.requests == ["/path?signed=secret"] * 6
    assert sum(pauses) == 31


def test_a_file_that_is_there_is_not_fetched_again(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    first_boot.fetch(settings, tmp_path / "file", "releases/file", hashlib.sha256(b"content").hexdigest())


def test_the_refusal_of_a_file_with_another_checksum_names_both_checksums(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_boot, "call_aws", lambda _settings, _service, path: path.encode())
    found = hashlib.sha256(b"/media/releases/a%2Bb%20c").hexdigest()
    first_boot.fetch(settings, tmp_path / "new" / "file", "releases/a+b c", found)
    assert (tmp_path / "new" / "file").read_bytes() == b"/media/releases/a%2Bb%20c"
    with pytest.raises(BootFailed, match=f"^releases/a\\+b c has the SHA-256 {found}, not {EMPTY}$"):
        first_boot.fetch(settings, tmp_path / "file", "releases/a+b c", EMPTY)


def test_a_bundle_is_unpacked_once(bundle: Path) -> None:
    first_boot.unpack(bundle)
    (bundle / "release" / "become").unlink()
    first_boot.unpack(bundle)
    assert not (bundle / "release" / "become").exists()
    assert not Path(f"{bundle}.half").exists()


def test_a_truncated_bundle_is_never_treated_as_complete(bundle: Path) -> None:
    archive = Path(f"{bundle}.tar.gz")
    whole = archive.read_bytes()
    archive.write_bytes(whole[:-20])
    with pytest.raises(BootFailed, match=r"^unpack the bundle: "):
        first_boot.unpack(bundle)
    assert not bundle.exists()
    archive.write_bytes(whole)
    first_boot.unpack(bundle)
    assert (bundle / "release" / "become").exists()


def test_the_reason_that_tar_gives_is_reported(bundle: Path) -> None:
    archive = Path(f"{bundle}.tar.gz")
    archive.unlink()
    with pytest.raises(
        BootFailed, match=f"^unpack the bundle: tar: {archive}: Cannot open: No such file or directory$"
    ):
        first_boot.unpack(bundle)


def test_a_folder_that_cannot_be_created_is_reported_with_its_step(bundle: Path) -> None:
    Path(f"{bundle}.half").write_text("")
    with pytest.raises(BootFailed, match=r"^unpack the bundle: .*File exists: '.*\.half'$"):
        first_boot.unpack(bundle)


def test_the_release_is_run_in_its_folder_for_the_kind_of_machine(settings: Settings, bundle: Path) -> None:
    assert first_boot.boot(settings, deque()) == "ready"
    arguments = "web --parameters /rising-stars/tests --region eu-west-1 --endpoint-url http://aws.invalid"
    assert (bundle / "arguments").read_text() == f"{bundle}: {arguments}\n"


def test_a_failed_release_is_reported_with_the_task_that_it_names(
    settings: Settings, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_boot, "FAILURE", tmp_path / "failure")
    first_boot.unpack(bundle)
    program = f"#!/bin/sh\necho 'host_api : Start the API: no such unit' > '{tmp_path}/failure'\nexit 2\n"
    (bundle / "release" / "become").write_text(program)
    assert first_boot.boot(settings, deque()) == "failed: host_api : Start the API: no such unit"


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        pytest.param("echo 'ModuleNotFoundError: json' >&2; exit 1", "1: ModuleNotFoundError: json", id="crash"),
        pytest.param("echo 'Install Ansible'; kill -KILL $$", "-9: Install Ansible", id="killed"),
        pytest.param("exit 3", "3:", id="silent"),
    ],
)
def test_a_release_that_ends_without_naming_a_task_is_reported_with_its_last_line(
    settings: Settings, bundle: Path, program: str, reason: str
) -> None:
    assert not first_boot.FAILURE.exists()
    first_boot.unpack(bundle)
    (bundle / "release" / "become").write_text(f"#!/bin/sh\n{program}\n")
    assert first_boot.boot(settings, deque()) == f"failed: release/become: exit code {reason}"


def test_the_releases_output_is_printed_and_its_last_lines_are_kept(
    settings: Settings, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first_boot.unpack(bundle)
    (bundle / "release" / "become").write_text("#!/bin/sh\necho 1; echo 2 >&2; printf '\\377\\n'; echo 4\n")
    output: deque[str] = deque(maxlen=3)
    assert first_boot.boot(settings, output) == "ready"
    assert list(output) == ["2\n", "\ufffd\n", "4\n"]
    assert capsys.readouterr().out == "1\n2\n\ufffd\n4\n"


def test_a_failure_of_any_other_kind_is_reported(settings: Settings) -> None:
    Path(settings.bundle).mkdir(parents=True)
    assert first_boot.boot(settings, deque()) == "failed: [Errno 2] No such file or directory: 'release/become'"
