"""A module that Ansible runs in a preloaded process (testing/ansible_modules) behaves as in an ordinary process."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from rehearsal.operator.playbooks import run_playbook
from testing.processes import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
PLAYBOOK = """
- hosts: localhost
  gather_facts: false
  tasks:
    - {name: one of Ansible, ansible.builtin.stat: {path: "{{ directory }}/no-such-file"}}
    - {name: its environment, ansible.builtin.command: printenv GREETING, environment: {GREETING: hello}}
    - {name: a failure, ansible.builtin.command: "false", ignore_errors: true}
    - {name: its input, ansible.builtin.command: {cmd: cat, stdin: some input}}
    - {name: a wrong argument, ansible.builtin.stat: {no_such: argument}, ignore_errors: true}
    - {name: one of this project, account_readiness: {}, ignore_errors: true}
    - {name: one of a collection, amazon.aws.ec2_vpc_net_info: {no_such: argument}, ignore_errors: true}
    - {name: in the background, ansible.builtin.command: echo done, async: 20, poll: 1}
"""
PATIENCE_SECONDS = 60
PATIENT_PLAYBOOK = f"""
- hosts: localhost
  gather_facts: false
  tasks:
    - name: a program that is not a module
      ansible.builtin.command: '{{{{ ansible_playbook_python }}}} -c "import time; time.sleep(1)"'
      register: program
    - {{name: its time, ansible.builtin.assert: {{that: program.delta >= '0:00:01'}}}}
    - name: two attempts
      ansible.builtin.stat: {{path: /no/such/file}}
      register: found
      until: found.attempts | default(0) == 2
      retries: 2
      delay: {PATIENCE_SECONDS}
"""
DIFFERENT = {"start", "end", "delta", "ansible_job_id", "results_file"}
"""Keys of a result whose values differ between any two runs."""


@pytest.fixture
def environment(modules_environment: dict[str, str]) -> dict[str, str]:
    return {**os.environ, **modules_environment}


def results(playbook: Path, **environment: str) -> list[tuple[str, dict[str, Any]]]:
    """Return each task's name and result."""
    run = run_playbook(
        playbook,
        "-e",
        f"directory={playbook.parent}",
        env={"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", **environment},
    )
    assert run.returncode == 0, run.stdout + run.stderr
    document, _ = json.JSONDecoder().raw_decode(run.stdout, run.stdout.index("{"))
    (played,) = document["plays"]
    return [
        (task["task"]["name"], {k: v for k, v in task["hosts"]["localhost"].items() if k not in DIFFERENT})
        for task in played["tasks"]
    ]


def test_results_are_those_of_an_ordinary_run(tmp_path: Path) -> None:
    playbook = tmp_path / "playbook.yml"
    playbook.write_text(PLAYBOOK)
    ordinary = results(playbook, PRELOADED_PYTHON="")
    assert [name for name, _ in ordinary] == [
        "one of Ansible",
        "its environment",
        "a failure",
        "its input",
        "a wrong argument",
        "one of this project",
        "one of a collection",
        "in the background",
    ]
    assert results(playbook) == ordinary


def module(folder: Path, text: str) -> Path:
    """Write a file whose name makes the preloading client treat it as an Ansible module."""
    script = folder / "AnsiballZ_example.py"
    script.write_text(text)
    return script


def start(script: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [environment["PRELOADED_PYTHON"], str(script)], env=environment, stdout=subprocess.PIPE, text=True
    )


def test_a_module_really_runs_in_a_preloaded_process(tmp_path: Path, environment: dict[str, str]) -> None:
    script = module(tmp_path, "import sys; print('botocore' in sys.modules, sys.argv); sys.exit(3)")
    with start(script, environment) as run:
        output, _ = run.communicate(timeout=30)
    assert (output, run.returncode) == (f"True ['{script}']\n", 3)


def test_a_module_dies_with_the_process_that_waits_for_it(tmp_path: Path, environment: dict[str, str]) -> None:
    script = module(tmp_path, "import os, time; print(os.getpid(), flush=True); time.sleep(60)")
    with start(script, environment) as run:
        assert run.stdout is not None
        pid = int(run.stdout.readline())
        run.send_signal(signal.SIGKILL)
        wait_until(lambda: not Path(f"/proc/{pid}").exists(), what="the module's end", seconds=10)


@pytest.mark.parametrize(("factor", "least", "most"), [("1", 1.0, 30.0), ("0.01", 0.0, 0.9)])
def test_a_module_sleeps_by_the_factor(
    factor: str, least: float, most: float, tmp_path: Path, environment: dict[str, str]
) -> None:
    text = "import time; start = time.monotonic(); time.sleep(1); print(time.monotonic() - start)"
    with start(module(tmp_path, text), {**environment, "SLEEP_FACTOR": factor}) as run:
        output, _ = run.communicate(timeout=60)
    assert least <= float(output) <= most


def test_retries_wait_by_the_factor_and_other_programs_as_before(tmp_path: Path) -> None:
    playbook = tmp_path / "playbook.yml"
    playbook.write_text(PATIENT_PLAYBOOK)
    began = time.monotonic()
    run = run_playbook(playbook, env={"SLEEP_FACTOR": "0.001"})
    assert run.returncode == 0, run.stdout
    assert time.monotonic() - began < PATIENCE_SECONDS


def test_a_killed_module_is_reported(tmp_path: Path, environment: dict[str, str]) -> None:
    script = module(tmp_path, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    with start(script, environment) as run:
        assert run.wait(timeout=30) != 0
