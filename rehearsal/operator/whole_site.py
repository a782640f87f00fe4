"""Run the whole site's playbooks as an operator does, against mock AWS."""

import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field

import psutil

from rehearsal.aws.recording import Call
from rehearsal.aws.server import MockAws
from rehearsal.operator import policy
from rehearsal.operator.playbooks import PROGRAM, REPOSITORY

ENVIRONMENT = "rehearsal"
STEPS = ("provision_infrastructure", "publish_release", "bake_image", "roll_release")
"""The playbooks of site.yml, in order. The verification is omitted, because it needs running machines."""
MACHINES = "machines"
"""The access key of the process that reports the machines' boots. It distinguishes these calls from the operator's."""


@dataclass(frozen=True)
class Run:
    """One run of a playbook, with its output and its calls."""

    code: int
    output: str
    seconds: float
    calls: list[Call] = field(repr=False)
    """The operator's calls to AWS during the run."""
    refused: list[str]
    """The permissions that the operator's policies did not grant."""

    @property
    def changed(self) -> int:
        """The number of changed tasks in the recap."""
        return sum(map(int, re.findall(r"changed=(\d+)", self.output.partition("PLAY RECAP")[2])))

    @property
    def changes(self) -> list[str]:
        """The changed tasks in the run's summary."""
        return re.findall(r"^  changed: (.*)$", self.output, re.MULTILINE)

    @property
    def module_calls(self) -> int:
        """The number of AWS module calls in the run's summary."""
        (count,) = re.findall(r"^SUMMARY: .*?(\d+) calls of AWS modules", self.output, re.MULTILINE)
        return int(count)

    @property
    def writes(self) -> Counter[str]:
        """The operations of the calls that may change something, with their counts."""
        return Counter(f"{call.service} {call.operation}" for call in self.calls if call.writes)


@dataclass(frozen=True)
class Operator:
    """An operator with credentials, an inventory and a release."""

    aws: MockAws
    settings: dict[str, str]
    """Extra variables of every run."""
    runs: list[Run] = field(default_factory=list)
    """All runs that were not killed."""

    def run(self, playbook: str, *options: str, **settings: str) -> Run:
        """Run a playbook to completion, and return the run, whether it succeeded or not."""
        before, began = len(self._asked()), time.monotonic()
        with self._permissions(playbook, settings) as refused:
            done = subprocess.run(
                self._command(playbook, options, settings),
                cwd=REPOSITORY,
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
        seconds = time.monotonic() - began
        self.runs.append(Run(done.returncode, done.stdout, seconds, self._asked()[before:], refused))
        return self.runs[-1]

    def succeed(self, playbook: str, *options: str, **settings: str) -> Run:
        """Run a playbook that must succeed and must need only the permissions that docs/operator-policy grants."""
        run = self.run(playbook, *options, **settings)
        assert run.code == 0, run.output[-8000:]
        assert run.refused == []
        return run

    def kill_after(self, calls: int, playbook: str) -> None:
        """Start a playbook, and kill its process and all descendants once they have made `calls` calls to AWS."""
        before = len(self._asked())
        with (
            self._permissions(playbook, {}),
            subprocess.Popen(
                self._command(playbook, (), {}),
                cwd=REPOSITORY,
                env=self._environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            ) as process,
        ):
            while process.poll() is None and len(self._asked()) - before < calls:
                time.sleep(0.05)
            assert process.poll() is None, f"The run ended before its call {calls}"
            kill_family(process.pid)

    def _permissions(self, playbook: str, settings: dict[str, str]) -> AbstractContextManager[list[str]]:
        """Attach the policies that docs/deploy.md names for the playbook, as an administrator does."""
        occasions = {"purge": settings.get("purge") == "true", "restore": playbook == "restore_site"}
        due = [occasion for occasion, is_it in occasions.items() if is_it]
        return self.aws.policies_attached(policy.attachment_of(self.aws.key, ENVIRONMENT, *due))

    def _asked(self) -> list[Call]:
        """Return the operator's calls to AWS."""
        own = self.aws.env["AWS_ACCESS_KEY_ID"]
        return [call for call in self.aws.calls() if call.caller == own]

    def _command(self, playbook: str, options: tuple[str, ...], settings: dict[str, str]) -> list[str]:
        variables = [word for name, value in (self.settings | settings).items() for word in ("-e", f"{name}={value}")]
        return [str(PROGRAM), "-i", f"inventory/{ENVIRONMENT}", f"playbooks/{playbook}.yml", *variables, *options]

    @property
    def _environment(self) -> dict[str, str]:
        return {**os.environ, **self.aws.env, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"}


def kill_family(pid: int) -> None:
    """Kill a process and its descendants. Ansible's workers have their own sessions, so a killpg would miss them."""
    parent = psutil.Process(pid)
    for member in (parent, *parent.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            member.kill()


@contextmanager
def machines(aws: MockAws, *options: str) -> Iterator[None]:
    """Run the process that reports the machines' boots (rehearsal/aws/machines.py) until the `with` block ends."""
    command = [sys.executable, "-m", "rehearsal.aws.machines", "--endpoint", aws.endpoint, *options]
    environment = {**os.environ, **aws.env, "AWS_ACCESS_KEY_ID": MACHINES}
    with subprocess.Popen(command, cwd=REPOSITORY, env=environment) as process:
        try:
            yield
        finally:
            process.terminate()
