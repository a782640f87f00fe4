"""`rising-stars host`: what a deployed machine's units run."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
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
from app.host.reporting import Report, Status, tell
from app.host.watch import Leaving, Watch
from app.logs import send_logs
from app.telemetry import processes
from app.telemetry.cloudwatch import CloudWatch

host_cli = typer.Typer(help="A deployed machine and its AWS: what its units run.", no_args_is_help=True)

CA_BUNDLE = Path("/etc/rising-stars/rds-ca.pem")
BALANCER_SECONDS = 120.0
INTERRUPTED_SECONDS = 45.0
HEARTBEAT_SECONDS = 20.0
"""AWS lets a hook wait for 30 s at least."""

KindOption = Annotated[Kind, typer.Option(envvar="HOST_KIND", help="What this machine is.")]
RegionOption = Annotated[
    str | None, typer.Option(envvar="AWS_REGION", help="Default: as the metadata service says.", show_default=False)
]
EndpointOption = Annotated[
    str | None, typer.Option(envvar="AWS_ENDPOINT_URL", help="Where AWS is, in a rehearsal.", show_default=False)
]
MetadataOption = Annotated[str, typer.Option(help="The instance metadata service.")]
BalancerOption = Annotated[
    float,
    typer.Option(
        envvar="BALANCER_SECONDS", help="How long the balancer still sends requests once the group lets go (web)."
    ),
]
InterruptedOption = Annotated[
    float, typer.Option(help="How long it does after /ready failed because of a spot notice (web).")
]
# The services' own folder: the watch may not read it. How full it is, it is told nonetheless.
DiskOption = Annotated[
    list[Path] | None, typer.Option(envvar="WORK_DIR", help="Folders beside / to watch.", readable=False)
]


@contextmanager
def _refusing() -> Iterator[None]:
    """Failures become one sentence and exit code 1."""
    try:
        yield
    except HostError as error:
        typer.echo(f"rising-stars host: {error}", err=True)
        raise typer.Exit(1) from None


@host_cli.command()
def configure(
    *,
    parameters: Annotated[str, typer.Option(help="The path of the site's parameters: /rising-stars/production.")],
    kind: KindOption,
    out: Annotated[Path, typer.Option(help="The environment file, for systemd.")],
    cache: Annotated[Path | None, typer.Option(help="The last good copy, for when AWS does not answer.")] = None,
    ca_bundle: Annotated[Path, typer.Option(help="What the database's certificate is verified by.")] = CA_BUNDLE,
    # The services' own folder, which this command names and need not be able to read.
    work_dir: Annotated[Path | None, typer.Option(help="Where temporary files go.", readable=False)] = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
    metadata_url: MetadataOption = URL,
) -> None:
    """Write the environment of this machine's services, from Parameter Store and Secrets Manager."""
    with _refusing():
        if not ca_bundle.is_file():
            raise HostError(f"{ca_bundle} is not there: the database's certificate could not be verified.")
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
    out: Annotated[Path, typer.Option(help="The ACL file, for Redis.")],
    owner: Annotated[str | None, typer.Option(help="Whose file it is: the user that Redis runs as.")] = None,
) -> None:
    """Write who may do what on this machine's Redis."""
    with _refusing():
        write_private(out, acl_of(env), owner=owner)


@host_cli.command()
def watch(
    *,
    group_prefix: Annotated[str, typer.Option(help="How the names of its groups begin (rising-stars-production).")],
    unit: Annotated[list[str], typer.Option(help="A unit to stop before the machine goes; may be repeated.")],
    kind: KindOption,
    hook: Annotated[str | None, typer.Option(help="The group's hook. Default: as the site names it.")] = None,
    interval: Annotated[float, typer.Option(help="Seconds between two looks.", min=0.1)] = 5,
    drain_file: Annotated[
        Path | None, typer.Option(envvar="DRAIN_FILE", help="/ready fails while it is there (web).")
    ] = None,
    balancer_seconds: BalancerOption = BALANCER_SECONDS,
    interrupted_seconds: InterruptedOption = INTERRUPTED_SECONDS,
    heartbeat_seconds: Annotated[float, typer.Option(help="Between two heartbeats of the hook.")] = HEARTBEAT_SECONDS,
    namespace: Annotated[
        str | None, typer.Option(envvar="METRIC_NAMESPACE", help="Where disk and memory are told; none: nowhere.")
    ] = None,
    disk: DiskOption = None,
    processes_url: Annotated[
        str, typer.Option(help="Where the API processes' figures are, each under its number (web).")
    ] = processes.URL,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
    metadata_url: MetadataOption = URL,
) -> None:
    """Watch for this machine's end, and let it go in good order; send its figures, each minute."""
    send_logs(LogFormat.JSON, "INFO")
    with _refusing():
        metadata = Metadata(metadata_url)
        member = _hook(metadata.instance_id(), kind, group_prefix, hook)
        where = region or metadata.region()
        group = Lifecycle(member, lambda: Aws(where, endpoint_url=endpoint_url).client("autoscaling"))
        leaving = Leaving(tuple(unit), heartbeat_seconds=heartbeat_seconds)
        if kind is Kind.WEB:
            leaving = replace(
                leaving,
                drain_file=drain_file,
                balancer_seconds=balancer_seconds,
                interrupted_seconds=interrupted_seconds,
            )
        watching = Watch(metadata, group, leaving, interval_seconds=interval)
        _stop_when_told(watching)
        if namespace:
            measure_forever(
                CloudWatch(namespace, region=region), kind, [Path("/"), *(disk or [])], processes_url=processes_url
            )
        watching.run()


def _stop_when_told(watching: Watch) -> None:
    def stop(_signum: int, _frame: FrameType | None) -> None:
        watching.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


def _hook(instance_id: str, kind: Kind, prefix: str, name: str | None) -> Hook:
    """A machine's group by its kind, as playbooks/vars/web_fleet.yml and extra_workers.yml name them.

    The worker that also runs the queue is in none. Nothing ever tells it to go in this way.
    """
    group, hook = ("web", "drain") if kind is Kind.WEB else ("extra-workers", "finish")
    group = f"{prefix.rstrip('-')}-{group}"
    return Hook(group, name or f"{group}-{hook}", instance_id)


@host_cli.command()
def report(
    status: Annotated[Status, typer.Argument(help="How the boot went.")],
    *,
    kind: KindOption,
    message: Annotated[str, typer.Option(help="What failed, or anything worth a line.")] = "",
    release: Annotated[str | None, typer.Option(help="Default: the version of this program.")] = None,
    log_group_prefix: Annotated[
        str | None, typer.Option(envvar="LOG_GROUP_PREFIX", help="/rising-stars/production; none: no line.")
    ] = None,
    region: RegionOption = None,
    endpoint_url: EndpointOption = None,
    metadata_url: MetadataOption = URL,
) -> None:
    """Say how this machine's boot went: tags on the instance, a line in its log group."""
    with _refusing():
        metadata = Metadata(metadata_url)
        told = Report(metadata.instance_id(), status, message, release or version("rising-stars"))
        log_group = f"{log_group_prefix.rstrip('/')}/{kind.group}" if log_group_prefix else None
        failures = tell(Aws(region or metadata.region(), endpoint_url=endpoint_url), told, log_group)
        if failures:
            raise HostError(" ".join(failures))
