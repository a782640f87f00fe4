"""The whole site's playbooks, run as an operator runs them, against the AWS of tests."""

import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import psutil

from rehearsal.aws.recording import Call
from rehearsal.aws.server import MockAws
from rehearsal.operator import policy
from rehearsal.operator.playbooks import PROGRAM, REPOSITORY

ENVIRONMENT = "rehearsal"
STEPS = ("provision_infrastructure", "publish_release", "bake_image", "roll_release")
"""What site.yml builds, and in which order. What it then verifies wants machines that run."""
MACHINES = "machines"
"""The access key of the stand-in for machines: its calls are not the operator's."""


@dataclass(frozen=True)
class Run:
    """One run of a playbook, and what it told."""

    code: int
    output: str
    seconds: float
    calls: list[Call] = field(repr=False)
    """What the operator asked of AWS meanwhile."""

    @property
    def changed(self) -> int:
        """How many tasks changed something, by Ansible's own count."""
        return sum(map(int, re.findall(r"changed=(\d+)", self.output.partition("PLAY RECAP")[2])))

    @property
    def changes(self) -> list[str]:
        """The tasks that changed something, by the run's summary."""
        return re.findall(r"^  changed: (.*)$", self.output, re.MULTILINE)

    @property
    def module_calls(self) -> int:
        """How many calls of AWS modules it took, by the run's summary."""
        (count,) = re.findall(r"^SUMMARY: .*?(\d+) calls of AWS modules", self.output, re.MULTILINE)
        return int(count)

    @property
    def writes(self) -> Counter[str]:
        """What was asked that may change something."""
        return Counter(f"{call.service} {call.operation}" for call in self.calls if call.writes)


@dataclass(frozen=True)
class Operator:
    """Somebody with credentials, an inventory, a release and a shell."""

    aws: MockAws
    settings: dict[str, str]
    """Extra variables of every run."""
    runs: list[Run] = field(default_factory=list)
    """Those that came to their end."""

    def run(self, playbook: str, *options: str, **settings: str) -> Run:
        """Run a playbook to its end, whatever that is."""
        before, began = len(self._asked()), time.monotonic()
        done = subprocess.run(
            self._command(playbook, options, settings),
            cwd=REPOSITORY,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self.runs.append(Run(done.returncode, done.stdout, time.monotonic() - began, self._asked()[before:]))
        return self.runs[-1]

    def succeed(self, playbook: str, *options: str, **settings: str) -> Run:
        """Run a playbook that must end well, and ask nothing that docs/operator-policy does not allow."""
        before = self._asked()
        run = self.run(playbook, *options, **settings)
        assert run.code == 0, run.output[-8000:]
        occasions = {"purge": settings.get("purge") == "true", "restore": playbook == "restore_site"}
        policies = policy.attached(*(occasion for occasion, is_it in occasions.items() if is_it))
        assert policy.refused(run.calls, ENVIRONMENT, policies, before=before) == []
        return run

    def kill_after(self, calls: int, playbook: str) -> None:
        """Start a playbook and kill it, with all that it started, once AWS was asked so many more times."""
        before = len(self._asked())
        with subprocess.Popen(
            self._command(playbook, (), {}),
            cwd=REPOSITORY,
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            while process.poll() is None and len(self._asked()) - before < calls:
                time.sleep(0.05)
            assert process.poll() is None, f"the run was over before its call {calls}"
            kill_family(process.pid)

    def _asked(self) -> list[Call]:
        """What the operator asked of AWS."""
        own = self.aws.env["AWS_ACCESS_KEY_ID"]
        return [call for call in self.aws.calls() if call.caller == own]

    def _command(self, playbook: str, options: tuple[str, ...], settings: dict[str, str]) -> list[str]:
        variables = [word for name, value in (self.settings | settings).items() for word in ("-e", f"{name}={value}")]
        return [str(PROGRAM), "-i", f"inventory/{ENVIRONMENT}", f"playbooks/{playbook}.yml", *variables, *options]

    @property
    def _environment(self) -> dict[str, str]:
        return {**os.environ, **self.aws.env, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"}


def kill_family(pid: int) -> None:
    """Kill a process and all that descend from it. Ansible's workers have sessions of their own: no group holds all."""
    parent = psutil.Process(pid)
    for member in (parent, *parent.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            member.kill()


@contextmanager
def machines(aws: MockAws, *options: str) -> Iterator[None]:
    """The stand-in for what machines report."""
    command = [sys.executable, "-m", "rehearsal.aws.machines", "--endpoint", aws.endpoint, *options]
    environment = {**os.environ, **aws.env, "AWS_ACCESS_KEY_ID": MACHINES}
    with subprocess.Popen(command, cwd=REPOSITORY, env=environment) as process:
        try:
            yield
        finally:
            process.terminate()
