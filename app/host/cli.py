"""`rising-stars host`: the commands that a deployed machine's systemd units run."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from app.config import LogFormat
from app.host.aws import Aws
from app.host.configuration import Machine, read_environment
from app.host.environment_file import render, write_private
from app.host.errors import HostError, Unreachable
from app.host.kinds import Kind
from app.host.lifecycle import Hook, Lifecycle
from app.host.measuring import measure_forever
from app.host.metadata import URL, Metadata
from app.host.redis_acl import acl_of
from app.host.reporting import Report, Status, send_report
from app.host.watch import Leaving, Watch
from app.logs import send_logs
from app.telemetry import processes, proxy
from app.telemetry.cloudwatch import CloudWatch
from app.telemetry.proxy import requests_in_progress

host_cli = typer.Typer(help="Commands that a deployed machine's systemd units run.", no_args_is_help=True)

CA_BUNDLE = Path("/etc/rising-stars/rds-ca.pem")
DRAIN_SECONDS = 1020.0
"""The longest upload: 900 s for its body, and 120 s to check and store the clip (playbooks/vars/uploads.yml)."""
SETTLE_SECONDS = 30.0
"""AWS states no time within which all nodes of a load balancer know that a target is deregistered. This is as long as
three of its health checks."""
INTERRUPTED_SECONDS = 45.0
HEARTBEAT_SECONDS = 20.0
"""Shorter than 30 s, the shortest time-out that a lifecycle hook can have."""

KindOption = Annotated[Kind, typer.Option(envvar="HOST_KIND", help="The kind of this machine.")]
RegionOption = Annotated[
    str | None, typer.Option(envvar="AWS_REGION", help="Default: from the metadata service.", show_default=False)
]
EndpointOption = Annotated[
    str | None, typer.Option(envvar="AWS_ENDPOINT_URL", help="URL of mock AWS, in a rehearsal.", show_default=False)
]
MetadataOption = Annotated[str, typer.Option(help="URL of the instance metadata service.")]
SettleOption = Annotated[
    float, typer.Option(help="Seconds for which requests still arrive once the termination begins (web).")
]
DrainOption = Annotated[
    float, typer.Option(help="Maximum number of seconds to wait for requests in progress at a termination (web).")
]
InterruptedOption = Annotated[
    float, typer.Option(help="Seconds for which requests still arrive once a spot notice has made /ready fail (web).")
]
# Typer must not require a readable folder: the watch has no permission to read the services' directory, but can measure
# its file system.
DiskOption = Annotated[
    list[Path] | None,
    typer.Option(envvar="WORK_DIR", help="Folders whose file systems to measure, in addition to /.", readable=False),
]


@contextmanager
def _errors_as_exit() -> Iterator[None]:
    """Turn a HostError into one sentence on stderr and exit code 1."""
    try:
        yield
    except HostError as error:
        typer.echo(f"rising-stars host: {error}", err=True)
        raise typer.Exit(1) from None


@host_cli.command()
def configure(
    *,
    parameters: Annotated[
        str, typer.Option(help="Path of the site's parameters, for example /rising-stars/production.")
    ],
    kind: KindOption,
    out: Annotated[Path, typer.Option(help="The environment file to write, for systemd.")],
    cache: Annotated[Path | None, typer.Option(help="The last good copy, used if AWS does not answer.")] = None,
    ca_bundle: Annotated[Path, typer.Option(help="CA certificates to verify the database's certificate.")] = CA_BUNDLE,
    # Typer must not require a readable folder: this command only writes the folder's path to the environment file.
    work_dir: Annotated[Path | None, typer.Option(help="Folder for temporary files.", readable=False)] = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
    metadata_url: MetadataOption = URL,
) -> None:
    """Write the environment file of this machine's services from Parameter Store and Secrets Manager."""
    with _errors_as_exit():
        if not ca_bundle.is_file():
            raise HostError(f"{ca_bundle} is missing, so the database's certificate could not be verified.")
        machine = Machine(parameters, kind, ca_bundle, work_dir)
        try:
            aws = Aws(region or Metadata(metadata_url).region(), endpoint_url=endpoint_url)
            text = render(read_environment(aws, machine))
        except Unreachable as error:
            text = _last_good(cache, error)
        else:
            if cache:
                write_private(cache, text)
        write_private(out, text)


def _last_good(cache: Path | None, error: Unreachable) -> str:
    if cache is None or not cache.is_file():
        raise error
    typer.echo(f"rising-stars host: {error} The last good copy is used: {cache}.", err=True)
    try:
        return cache.read_text(encoding="utf-8")
    except OSError as unreadable:
        raise HostError(f"{error} And {cache} could not be read: {unreadable.strerror}.") from None


@host_cli.command("redis-acl")
def redis_acl(
    *,
    env: Annotated[Path, typer.Option(help="The environment file that `configure` wrote.")],
    out: Annotated[Path, typer.Option(help="The ACL file to write, for Redis.")],
    owner: Annotated[str | None, typer.Option(help="Owner of the file: the user that Redis runs as.")] = None,
) -> None:
    """Write the ACL file of this machine's Redis."""
    with _errors_as_exit():
        write_private(out, acl_of(env), owner=owner)


@host_cli.command()
def watch(
    *,
    group_prefix: Annotated[
        str, typer.Option(help="Prefix of the Auto Scaling groups' names, for example rising-stars-production.")
    ],
    unit: Annotated[list[str], typer.Option(help="A unit to stop before the machine terminates; may be repeated.")],
    kind: KindOption,
    hook: Annotated[str | None, typer.Option(help="Name of the group's lifecycle hook. Default: the site's.")] = None,
    interval: Annotated[float, typer.Option(help="Seconds between two checks.", min=0.1)] = 5,
    drain_file: Annotated[
        Path | None, typer.Option(envvar="DRAIN_FILE", help="/ready fails while this file exists (web).")
    ] = None,
    settle_seconds: SettleOption = SETTLE_SECONDS,
    drain_seconds: DrainOption = DRAIN_SECONDS,
    interrupted_seconds: InterruptedOption = INTERRUPTED_SECONDS,
    heartbeat_seconds: Annotated[
        float, typer.Option(help="Seconds between two heartbeats to the hook.")
    ] = HEARTBEAT_SECONDS,
    namespace: Annotated[
        str | None,
        typer.Option(envvar="METRIC_NAMESPACE", help="CloudWatch namespace for metrics. Without it, none are sent."),
    ] = None,
    disk: DiskOption = None,
    processes_url: Annotated[
        str, typer.Option(help="URL below which each API process's metrics are served under its number (web).")
    ] = processes.URL,
    proxy_url: Annotated[
        str, typer.Option(help="URL at which Nginx reports the number of requests in progress (web).")
    ] = proxy.URL,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
    metadata_url: MetadataOption = URL,
) -> None:
    """Watch for this machine's termination, then shut its services down in order. Send its metrics every minute."""
    send_logs(LogFormat.JSON, "INFO")
    with _errors_as_exit():
        metadata = Metadata(metadata_url)
        member = _hook(metadata.instance_id(), kind, group_prefix, hook)
        where = region or metadata.region()
        group = Lifecycle(member, lambda: Aws(where, endpoint_url=endpoint_url).client("autoscaling"))
        leaving = Leaving(tuple(unit), heartbeat_seconds=heartbeat_seconds)
        if kind is Kind.WEB:
            leaving = replace(
                leaving,
                drain_file=drain_file,
                requests_in_progress=partial(requests_in_progress, proxy_url),
                settle_seconds=settle_seconds,
                drain_seconds=drain_seconds,
                interrupted_seconds=interrupted_seconds,
            )
        watching = Watch(metadata, group, leaving, interval_seconds=interval)
        _stop_on_signal(watching)
        if namespace:
            measure_forever(
                CloudWatch(namespace, region=region), kind, [Path("/"), *(disk or [])], processes_url=processes_url
            )
        watching.run()


def _stop_on_signal(watching: Watch) -> None:
    def stop(_signum: int, _frame: FrameType | None) -> None:
        watching.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


def _hook(instance_id: str, kind: Kind, prefix: str, name: str | None) -> Hook:
    """Return the lifecycle hook of a machine's group, named as in playbooks/vars/web_fleet.yml and extra_workers.yml.

    The worker that also runs the queue is in no group, so no group terminates it and its hook is never used.
    """
    group, hook = ("web", "drain") if kind is Kind.WEB else ("extra-workers", "finish")
    group = f"{prefix.rstrip('-')}-{group}"
    return Hook(group, name or f"{group}-{hook}", instance_id)


@host_cli.command()
def report(
    status: Annotated[Status, typer.Argument(help="The result of the boot.")],
    *,
    kind: KindOption,
    message: Annotated[str, typer.Option(help="What failed, or another remark.")] = "",
    release: Annotated[str | None, typer.Option(help="The release to report. Default: this program's version.")] = None,
    log_group_prefix: Annotated[
        str | None,
        typer.Option(
            envvar="LOG_GROUP_PREFIX", help="For example /rising-stars/production. Without it, no log line is written."
        ),
    ] = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
    metadata_url: MetadataOption = URL,
) -> None:
    """Report the result of this machine's boot, as tags on the instance and a line in its log group."""
    with _errors_as_exit():
        metadata = Metadata(metadata_url)
        boot = Report(metadata.instance_id(), status, message, release or version("rising-stars"))
        log_group = f"{log_group_prefix.rstrip('/')}/{kind.group}" if log_group_prefix else None
        failures = send_report(Aws(region or metadata.region(), endpoint_url=endpoint_url), boot, log_group)
        if failures:
            raise HostError(" ".join(failures))
