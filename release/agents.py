"""Download Amazon's agents, verify their signatures and add them to an inventory (`make agents`).

    python -m release.agents inventory/production

The packages are stored in var/agents, under names that contain their checksums. The setting `aws_release_agents`, with
each package's path and SHA-256, is written to group_vars/all/aws_release_agents.yml of the inventory. If any package
cannot be downloaded or has no valid signature by the pinned key, the command writes nothing.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.request import urlopen

import typer

ROOT = Path(__file__).parents[1]
PACKAGES = ROOT / "var" / "agents"
SETTINGS = Path("group_vars", "all", "aws_release_agents.yml")


@dataclass(frozen=True)
class Agent:
    """One of Amazon's packages for Debian on x86-64, and the key that signs it."""

    name: str
    package_url: str
    """The package's URL. Its detached signature is at <package_url>.sig."""
    key_url: str
    """URL of a file with public keys. The file need not be trusted, because `fingerprint` selects the key."""
    fingerprint: str
    page: str
    """Amazon's page that names the fingerprint."""


AGENTS = (
    Agent(
        name="amazon-ssm-agent",
        package_url="https://s3.amazonaws.com/ec2-downloads-windows/SSMAgent/latest/debian_amd64/amazon-ssm-agent.deb",
        # Amazon's page has the key only as text; Amazon's repository for ECS has it as a file.
        key_url="https://raw.githubusercontent.com/aws/amazon-ecs-agent/master/scripts/amazon-ssm-agent.gpg",
        fingerprint="1C5B395CBE5E74E2F1CA21592784DBF388D19D46",  # the key expires on 2027-11-25
        page="https://docs.aws.amazon.com/systems-manager/latest/userguide/verify-agent-signature.html",
    ),
    Agent(
        name="amazon-cloudwatch-agent",
        package_url="https://amazoncloudwatch-agent.s3.amazonaws.com/debian/amd64/latest/amazon-cloudwatch-agent.deb",
        key_url="https://amazoncloudwatch-agent.s3.amazonaws.com/assets/amazon-cloudwatch-agent.gpg",
        fingerprint="937616F3450B7D806CBD9725D58167303B789C72",
        page="https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/"
        "verify-CloudWatch-Agent-Package-Signature.html",
    ),
)


class Refused(Exception):
    """An agent cannot be downloaded or verified; the message states the reason and what to do."""


def mirror(inventory: Annotated[Path, typer.Argument(help="For example inventory/production.")]) -> None:
    """Download Amazon's agents, verify their signatures and add them to an inventory."""
    if not (inventory / SETTINGS.parent).is_dir():
        sys.exit(f"{inventory} is no inventory: it has no folder {SETTINGS.parent}.")
    try:
        with tempfile.TemporaryDirectory() as folder:
            packages = {agent: download(agent, Path(folder)) for agent in AGENTS}
            for agent, package in packages.items():
                verify(agent, package)
            text = "".join(store(agent, package) for agent, package in packages.items())
    except (Refused, OSError) as error:
        sys.exit(f"No agent was added. {error}")
    (inventory / SETTINGS).write_text(f"# Written by `make agents`.\naws_release_agents:\n{text}")
    typer.echo(f"{inventory / SETTINGS}: written. The next run of site.yml bakes an image with the agents.")


def download(agent: Agent, folder: Path) -> Path:
    """Download the package, its signature and the key file. Return the package's path; the other two are beside it."""
    package = folder / f"{agent.name}.deb"
    for url, ending in (agent.package_url, ""), (f"{agent.package_url}.sig", ".sig"), (agent.key_url, ".gpg"):
        try:
            with urlopen(url, timeout=60) as response, Path(f"{package}{ending}").open("wb") as file:  # noqa: S310
                shutil.copyfileobj(response, file)
        except OSError as error:
            raise Refused(f"{url} cannot be downloaded: {error}.") from error
    return package


def verify(agent: Agent, package: Path) -> None:
    """Fail unless the package has a valid signature by the agent's key, and the key has not expired."""
    if not shutil.which("gpg"):
        raise Refused("gpg is not installed (Debian, Ubuntu: sudo apt-get install gnupg).")
    home = package.with_suffix(".home")
    home.mkdir(mode=0o700)
    gpg("--homedir", str(home), "--import", f"{package}.gpg")
    found = gpg("--homedir", str(home), "--status-fd", "1", "--verify", f"{package}.sig", str(package))
    status = [line.split()[1:] for line in found.splitlines() if line.startswith("[GNUPG:] ")]
    # The last field of VALIDSIG is the primary key's fingerprint. GnuPG reports an expired or revoked key, or a wrong
    # signature, with another keyword in place of GOODSIG (doc/DETAILS in its source).
    by_key = any(words[0] == "VALIDSIG" and words[-1] == agent.fingerprint for words in status)
    if not (by_key and any(words[0] == "GOODSIG" for words in status)):
        raise Refused(
            f"{agent.package_url} has no valid signature by the key {agent.fingerprint}. If {agent.page} names another "
            f"key, replace the fingerprint in {Path(__file__).relative_to(ROOT)}."
        )
    typer.echo(f"{agent.name}: signed by {agent.fingerprint}, the key on {agent.page}")


def gpg(*arguments: str) -> str:
    """Return the output of gpg, which ignores the user's own keys and settings."""
    command = ["gpg", "--batch", "--no-options", "--no-auto-key-retrieve", *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False).stdout


def store(agent: Agent, package: Path) -> str:
    """Move the package to `PACKAGES`, and return its item of `aws_release_agents`, in YAML."""
    digest = hashlib.sha256(package.read_bytes()).hexdigest()
    stored = PACKAGES / f"{agent.name}-{digest[:12]}.deb"
    stored.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(package, stored)
    path = stored.relative_to(ROOT)
    return f'  - name: {agent.name}\n    source: "{{{{ playbook_dir }}}}/../{path}"\n    sha256: {digest}\n'


if __name__ == "__main__":
    typer.run(mirror)
