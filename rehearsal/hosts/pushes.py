"""Push a release as an operator does: run configure_hosts.yml with an inventory of test hosts."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rehearsal.hosts.boots import Machine, Site
from rehearsal.hosts.bundles import ROOT, Bundle
from rehearsal.hosts.podman import environment
from rehearsal.hosts.site_settings import BUCKET, REGION

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
PLAIN = {"NO_COLOR": "1", "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"}
RECAP = re.compile(r"^(\S+) +: ok=(\d+) +changed=(\d+) +unreachable=(\d+) +failed=(\d+)", re.MULTILINE)


@dataclass(frozen=True)
class Pushed:
    """The result of a push."""

    exit_code: int
    output: str
    seconds: float

    @property
    def changed(self) -> dict[str, int]:
        """Machine → the number of its changed tasks."""
        return {host: int(changed) for host, _, changed, _, _ in RECAP.findall(self.output)}


@dataclass(frozen=True)
class Operator:
    """An operator who pushes releases, with an inventory of the site's machines."""

    inventory: Path
    site: Site

    @classmethod
    def with_inventory(
        cls, folder: Path, site: Site, bundle: Bundle, machines: Mapping[str, list[Machine]]
    ) -> "Operator":
        """Write an inventory of `machines` (by kind). Ansible connects to them through Podman, not Systems Manager."""
        ca_bundle = folder / "database-ca.pem"
        ca_bundle.write_text(site.ca_bundle)
        settings: dict[str, Any] = {
            "site_environment": "tests",
            "site_region": REGION,
            "site_host_endpoint_url": site.cloud.endpoint,
            "site_aws_environment": {"AWS_REGION": REGION, "AWS_ENDPOINT_URL": site.cloud.endpoint},
            "site_purge": False,
            "aws_release_version": bundle.version,
            "aws_release_bundle": str(bundle.path),
            "aws_release_ca_bundle": str(ca_bundle),
            # The results of the infrastructure's roles. Without them, recall_infrastructure.yml would look them up.
            "aws_network_result": {},
            "aws_storage_result": {"media_bucket": BUCKET, "release_prefix": "releases/"},
        }
        reached = {"ansible_connection": "containers.podman.podman", "ansible_python_interpreter": "/usr/bin/python3"}
        groups = {
            kind: {
                "hosts": {machine.instance_id: {"ansible_host": machine.host.name, **reached} for machine in of_kind},
                "vars": {"host_kind": kind},
            }
            for kind, of_kind in machines.items()
        }
        inventory = folder / "inventory.json"
        inventory.write_text(json.dumps({"all": {"vars": settings, "children": groups}}))
        return cls(inventory, site)

    def push(self, *options: str) -> Pushed:
        """Run configure_hosts.yml with the inventory."""
        playbook = [str(Path(sys.executable).with_name("ansible-playbook")), "playbooks/configure_hosts.yml"]
        began = time.monotonic()
        done = subprocess.run(
            [*playbook, "--inventory", str(self.inventory), *options],
            cwd=ROOT,
            env={**os.environ, **environment(), **PLAIN, **CREDENTIALS},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Pushed(done.returncode, done.stdout, time.monotonic() - began)
