"""The target of a rollback (playbooks/vars/releases.yml) depends on the last rollout and the release in service."""

import json
from pathlib import Path
from typing import Any

import pytest

from rehearsal.operator.playbooks import REPOSITORY, play

pytestmark = pytest.mark.slow

PLAY = f"""
- hosts: localhost
  gather_facts: false
  vars_files: ["{REPOSITORY}/playbooks/vars/releases.yml"]
  vars:
    first_unmet: "{{{{ __site_back_requirements | unmet | first | default('') }}}}"
  tasks:
    - ansible.builtin.copy:
        dest: "{{{{ answer }}}}"
        content: "{{{{ lookup('ansible.builtin.vars', asked) }}}}"
        mode: "0600"
"""
KEPT = ("1.0.0", "1.1.0", "1.2.0")


def found(in_service: str | None) -> dict[str, Any]:
    """Return the facts that tasks/read_releases.yml sets: three kept releases and the one in service, if any."""
    images = [
        {"image_id": f"ami-{release}", "tags": {"Release": release, "Rollout": f"releases/rollouts/{release}.json"}}
        for release in KEPT
    ]
    version = {"version_number": 7, "launch_template_data": {"image_id": f"ami-{in_service}"}}
    template = {"launch_template_id": "lt-1", "latest_version_number": 9, "default_version_number": 1}
    group = {"launch_template": {"launch_template_id": "lt-1", "version": "7"}}
    return {
        "__site_images": {"images": images},
        "__site_groups": {"results": [group] if in_service else []},
        "__site_templates": {"launch_templates": [{**template, "versions": [version]}]},
    }


@pytest.fixture
def ask(tmp_path: Path) -> Any:
    """Evaluates one of the variables in playbooks/vars/releases.yml."""

    def answer(asked: str, in_service: str | None, noted: dict[str, str], **settings: Any) -> str:
        playbook, written = tmp_path / "ask.yml", tmp_path / "answer"
        playbook.write_text(PLAY)
        facts = {**found(in_service), "__site_rollout": noted, "asked": asked, "answer": str(written), **settings}
        play(playbook, "-e", json.dumps(facts))
        return written.read_text()

    return answer


NEWEST = {"release": "1.2.0", "before": "1.1.0"}


@pytest.mark.parametrize(
    ("in_service", "noted", "rolled", "before"),
    [
        pytest.param(None, {}, "1.0.0", "", id="the first release of all"),
        pytest.param("1.0.0", {"release": "1.0.0", "before": ""}, "1.1.0", "1.0.0", id="the next one"),
        pytest.param("1.2.0", NEWEST, "1.2.0", "1.1.0", id="the same one, baked anew"),
        pytest.param("1.1.0", NEWEST, "1.3.0", "1.1.0", id="the next one after one that failed"),
        pytest.param("1.0.0", {}, "1.0.0", "", id="one that was in service before roll-outs were recorded"),
    ],
)
def test_a_roll_out_records_the_release_that_it_replaces(
    ask: Any, in_service: str | None, noted: dict[str, str], rolled: str, before: str
) -> None:
    assert ask("__site_before", in_service, noted, aws_release_result={"version": rolled}) == before


@pytest.mark.parametrize("in_service", ["1.2.0", "1.1.0"])
def test_the_newest_roll_out_is_undone_and_undoing_it_again_changes_nothing(ask: Any, in_service: str) -> None:
    assert ask("first_unmet", in_service, NEWEST) == ""
    assert ask("__site_back_to", in_service, NEWEST) == "1.1.0"


@pytest.mark.parametrize(
    ("in_service", "noted", "reason"),
    [
        (None, {}, "No release is in service here"),
        ("1.0.0", {}, "none was in service before 1.0.0"),
        (
            "1.0.0",
            NEWEST,
            "release before it (1.1.0). Select a kept release with -e version=…: 1.0.0, 1.1.0, 1.2.0.",
        ),
        ("1.2.0", {"release": "1.2.0", "before": "0.9.0"}, "Release 0.9.0 is not kept"),
    ],
)
def test_a_roll_back_without_a_target_is_explained_in_a_sentence(
    ask: Any, in_service: str | None, noted: dict[str, str], reason: str
) -> None:
    assert reason in ask("first_unmet", in_service, noted)


def test_the_operator_may_name_the_release_to_restore(ask: Any) -> None:
    assert ask("first_unmet", "1.2.0", NEWEST, version="1.0.0") == ""
    assert ask("__site_back_to", "1.2.0", NEWEST, version="1.0.0") == "1.0.0"
