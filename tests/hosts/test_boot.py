"""A machine boots from its user data alone and configures itself, or stays out of service and reports the cause."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.seaweedfs import SeaweedFS
from rehearsal.hosts.boots import Machine, Site
from rehearsal.hosts.bundles import Bundle, damaged_copy
from rehearsal.hosts.host import Host
from rehearsal.hosts.site_settings import BUCKET, PARAMETERS, REGION
from release import first_boot
from release.first_boot import Credentials

pytestmark = [pytest.mark.timeout(600), pytest.mark.long]

WHAT_RUNS = (
    "systemctl list-units --plain --no-legend --state=active 'rising-stars-*' nginx.service redis-server.service"
)


@pytest.fixture
def web_on_baked_image(baked: tuple[Machine, str], aws_site: Site, bundle: Bundle) -> Iterator[Machine]:
    """A web machine launched from the builder's image. The bundle in S3 is invalid: a boot that downloads it fails."""
    aws_site.publish(bundle, b"not the bundle")
    with aws_site.launch("web", bundle, image=baked[1]) as machine:
        yield machine


def test_a_store_that_checks_signatures_accepts_the_requests(
    seaweedfs: SeaweedFS, monkeypatch: pytest.MonkeyPatch
) -> None:
    with contextlib.closing(seaweedfs.client()) as client:
        client.create_bucket(Bucket=BUCKET)
        client.put_object(Bucket=BUCKET, Key="releases/a+b c.tar.gz", Body=b"content")
    sign_with(Credentials(seaweedfs.access_key, seaweedfs.secret_key, ""), monkeypatch)
    settings = settings_of(seaweedfs.endpoint)
    assert first_boot.call_aws(settings, "s3", f"/{BUCKET}/releases/a%2Bb%20c.tar.gz") == b"content"


def test_a_request_signed_with_another_key_is_refused(seaweedfs: SeaweedFS, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_with(Credentials(seaweedfs.access_key, "another", ""), monkeypatch)
    with pytest.raises(first_boot.BootFailed, match="403"):
        first_boot.call_aws(settings_of(seaweedfs.endpoint), "s3", f"/{BUCKET}/releases/anything")


def test_a_builder_reports_its_release_and_powers_itself_off(baked: tuple[Machine, str], bundle: Bundle) -> None:
    builder, _ = baked
    assert builder.tags()["Release"] == bundle.version
    assert not builder.host.running()


def test_a_baked_machine_needs_no_download_and_reads_its_settings(web_on_baked_image: Machine) -> None:
    assert web_on_baked_image.wait_for_report() == "ready", web_on_baked_image.log()
    host = web_on_baked_image.host
    assert json.loads(host.output("cat /etc/rising-stars/host.json"))["kind"] == "web"
    assert host.output("stat -c '%a %U' /run/rising-stars/site.env") == "600 root"
    assert "sslmode=verify-full" in host.output("cat /run/rising-stars/site.env")
    assert "Install the release" not in web_on_baked_image.log()


def test_an_image_contains_nothing_that_belongs_to_one_machine(baked: tuple[Machine, str]) -> None:
    _, image = baked
    with Host(image=image) as host:
        host.wait_for("systemctl is-system-running | grep -qE 'running|degraded'")
        owned = "/etc/rising-stars/host.* /var/lib/rising-stars/site.env /var/lib/cloud/instance /etc/ssh/ssh_host_*"
        assert host.run(f"ls -d {owned} 2>/dev/null").output == ""
        assert host.run(WHAT_RUNS).output == ""


def test_a_bundle_with_a_wrong_checksum_starts_nothing_and_the_tag_says_so(aws_site: Site, bundle: Bundle) -> None:
    aws_site.publish(bundle, bundle.path.read_bytes()[:-1] + b"!")
    with aws_site.launch("web", bundle) as machine:
        report = machine.wait_for_report()
        assert report.startswith(f"failed: {bundle.key} has the SHA-256 ")
        assert_out_of_service(machine)
        assert machine.host.output("ls /opt/rising-stars") == "bundles"


def test_a_damaged_bundle_starts_nothing_and_the_tag_names_the_file(
    aws_site: Site, bundle: Bundle, tmp_path: Path
) -> None:
    damaged = aws_site.publish(damaged_copy(bundle, tmp_path))
    with aws_site.launch("web", damaged) as machine:
        assert machine.wait_for_report() == (
            "failed: verify the bundle: playbooks/host.yml is not what the manifest says"
        )
        assert_out_of_service(machine)


def test_a_machine_whose_settings_are_missing_names_the_task_that_failed(
    aws_site: Site, baked: tuple[Machine, str], bundle: Bundle
) -> None:
    machine = aws_site.launch("web", bundle, image=baked[1])
    machine.host.user_data = (machine.host.user_data or "").replace("/rising-stars/tests", "/rising-stars/nowhere")
    with machine:
        report = machine.wait_for_report()
        assert report.startswith("failed: host_release : Fail because the site's settings cannot be read: ")
        assert "/rising-stars/nowhere/hosts" in report
        assert_out_of_service(machine)
        machine.host.stop()
        machine.host.boot()
        assert_out_of_service(machine)


def assert_out_of_service(machine: Machine) -> None:
    """Assert that no service of the platform is running on the machine, or can be started."""
    assert machine.host.run(WHAT_RUNS).output == ""
    assert machine.host.run("systemctl start rising-stars-settings.service").exit_code != 0


def sign_with(credentials: Credentials, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the first-boot program sign with these credentials and retry without pauses."""
    monkeypatch.setattr(first_boot, "read_credentials", lambda: credentials)
    monkeypatch.setattr(first_boot, "sleep", lambda _seconds: None)


def settings_of(endpoint_url: str) -> first_boot.Settings:
    return first_boot.Settings(
        kind="web",
        region=REGION,
        endpoint_url=endpoint_url,
        parameters=PARAMETERS,
        release="any",
        bucket=BUCKET,
        bundle="/nowhere",
        files=[],
    )
