"""User data, which the playbooks render from release/first_boot.py for each kind of machine."""

import ast
import base64
import json
from dataclasses import fields
from typing import Any

import pytest

from rehearsal.hosts.bundles import ROOT
from rehearsal.hosts.user_data import render_user_data
from release import first_boot

USER_DATA_LIMIT = 16_384
"""EC2's limit in bytes, which applies before base64 encoding. The tests are stricter: they apply it after encoding."""
AGENTS = ("amazon-cloudwatch-agent", "amazon-ssm-agent")
RELEASE = {
    "version": "0.1.0-g1a2b3c4d",
    "bundle_key": "releases/rising-stars-0.1.0-g1a2b3c4d-111111111111.tar.gz",
    "bundle_sha256": "1" * 64,
    "ca_bundle_key": "releases/ca/rds-global-bundle-222222222222.pem",
    "ca_bundle_sha256": "2" * 64,
    "agent_keys": {name: f"releases/agents/{name}-333333333333.deb" for name in AGENTS},
    "agent_sha256s": dict.fromkeys(AGENTS, "3" * 64),
}
SITE = {
    "site_environment": "production",
    "site_region": "ap-southeast-2",
    "site_host_endpoint_url": "",
    "aws_storage_result": {"media_bucket": "rising-stars-production-media-123456789012-ap-southeast-2"},
    "aws_release_result": RELEASE,
}
BUNDLE = "/opt/rising-stars/bundles/111111111111"
kinds = pytest.mark.parametrize("kind", ["web", "worker", "extra_worker", "builder"])


def settings_in(program: str) -> Any:
    """Return the settings inside a first boot program."""
    (text,) = (
        ast.literal_eval(statement.value)
        for statement in ast.parse(program).body
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "SETTINGS"
    )
    return json.loads(text)


@kinds
def test_the_settings_of_a_machine_are_its_kind_its_site_and_its_release(kind: str) -> None:
    settings = settings_in(render_user_data(kind, SITE))
    assert set(settings) == {field.name for field in fields(first_boot.Settings)}
    assert settings == {
        "kind": kind,
        "region": "ap-southeast-2",
        "endpoint_url": "",
        "parameters": "/rising-stars/production",
        "release": "0.1.0-g1a2b3c4d",
        "bucket": "rising-stars-production-media-123456789012-ap-southeast-2",
        "bundle": BUNDLE,
        "files": [
            [f"{BUNDLE}.tar.gz", RELEASE["bundle_key"], "1" * 64],
            ["/opt/rising-stars/files/database-ca.pem", RELEASE["ca_bundle_key"], "2" * 64],
            *(
                [f"/opt/rising-stars/files/agents/{name}.deb", f"releases/agents/{name}-333333333333.deb", "3" * 64]
                for name in AGENTS
            ),
        ],
    }


@kinds
def test_nothing_but_the_settings_differs_from_the_program(kind: str) -> None:
    before, after = (ROOT / "release" / "first_boot.py").read_text().split("@SETTINGS@")
    user_data = render_user_data(kind, SITE)
    assert user_data.startswith(f"{before}{{")
    assert user_data.endswith(f"}}{after}")


@kinds
def test_user_data_fits_within_ec2s_limit(kind: str) -> None:
    assert len(base64.b64encode(render_user_data(kind, SITE).encode())) <= USER_DATA_LIMIT


@pytest.mark.parametrize(
    "version", ['"quoted"', "back\\slash", '"""', "\u00f1", "line\nbreak", "{{ braces }}", "@SETTINGS@"]
)
def test_settings_are_rendered_unchanged(version: str) -> None:
    settings = settings_in(render_user_data("web", {**SITE, "aws_release_result": {**RELEASE, "version": version}}))
    assert settings["release"] == version
