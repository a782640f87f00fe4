"""The runbook has instructions for every alarm."""

import re
from pathlib import Path

import pytest

from rehearsal.operator import runbook

ROOT = Path(__file__).parents[2]
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
SECTIONS = re.findall(r"^#+ (.+)$", RUNBOOK, re.MULTILINE)
POINTER = re.compile(r"docs/runbook\.md#([\w-]+)")
WHAT_AN_ALARM_NEEDS = ("**Symptoms:**", "**Look:**", "**Do:**", "**Recovers by itself:**")


def anchor(heading: str) -> str:
    """Return the anchor that GitHub generates for a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def files_of_roles() -> list[Path]:
    return [path for folder in ("tasks", "vars", "defaults") for path in ROOT.glob(f"roles/aws_*/{folder}/*.yml")]


def pointers() -> dict[str, str]:
    """Return the sections that alarms name, with the file that creates each alarm."""
    named = ((slug, path) for path in files_of_roles() for slug in POINTER.findall(path.read_text()))
    return {slug: str(path.relative_to(ROOT)) for slug, path in named}


def section(slug: str) -> str:
    """Return the text under the heading."""
    return RUNBOOK.partition(f"\n## {slug}\n")[2].partition("\n## ")[0]


def test_every_alarm_of_the_site_names_a_section() -> None:
    text = (ROOT / "roles/aws_monitoring/vars/main.yml").read_text()
    alarms = re.findall(r'name: "\{\{ __aws_monitoring_prefix \}\}([\w-]+)"\n    description: .*#([\w-]+)\n', text)
    assert len(alarms) == text.count("metric_name:") == 16
    assert [name for name, _ in alarms] == [slug for _, slug in alarms]


@pytest.mark.parametrize("slug", sorted(pointers()))
def test_the_section_that_an_alarm_names_is_complete(slug: str) -> None:
    text = section(slug)
    assert [part for part in WHAT_AN_ALARM_NEEDS if part not in text] == []


def test_every_link_within_the_runbook_has_a_target() -> None:
    anchors = [anchor(heading) for heading in SECTIONS]
    assert len(set(anchors)) == len(anchors)
    assert [link for link in re.findall(r"\]\(#([\w-]+)\)", RUNBOOK) if link not in anchors] == []


def test_every_alarm_is_in_the_runbooks_table() -> None:
    table = RUNBOOK.partition("## How to look")[0]
    assert [slug for slug in pointers() if f"(#{slug})" not in table] == []


def test_each_aws_command_is_run_on_a_site_or_has_a_reason_not_to() -> None:
    """tests/roles/test_site.py runs the commands."""
    commands = runbook.commands(RUNBOOK)
    assert len([command for command in commands if not runbook.reason_not_to_run(command)]) >= 13
    unused = [start for start in runbook.NOT_RUN if not any(command.startswith(start) for command in commands)]
    assert unused == []


def test_commands_are_read_from_blocks_and_sentences() -> None:
    page = """Run `aws rds
describe-events --duration 5` or `aws ec2 reboot-instances --instance-ids i-…`, not `aws`.

```console
$ aws logs tail /a \\
    --since 1d      # also: b
$ aws autoscaling start-instance-refresh …
$ journalctl
```
"""
    assert runbook.commands(page) == [
        "aws logs tail /a --since 1d",
        "aws rds describe-events --duration 5",
        "aws ec2 reboot-instances --instance-ids i-0123456789abcdef0",
    ]
