"""docs/plan.md and the roles' READMEs say what a plan does not show."""

import re
from pathlib import Path

import ansible_collections
import pytest

from rehearsal.operator.playbooks import REPOSITORY

PAGE = (REPOSITORY / "docs" / "plan.md").read_text()
ROLES = sorted(REPOSITORY.glob("roles/aws_*"))
COLLECTIONS = Path(next(iter(ansible_collections.__path__)))
PART = "what-a-plan-does-not-see"
ALWAYS_CHANGED = {"amazon.aws.autoscaling_group"}
"""Modules that in check mode report a change without comparing anything, as their source shows."""


def part_of_page(heading: str) -> str:
    return PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def modules_of(role: Path) -> set[str]:
    """Return the modules that a role's tasks name."""
    text = "\n".join(file.read_text() for file in role.glob("tasks/*.yml"))
    return set(re.findall(r"^ +((?:amazon|community)\.aws\.\w+):$", text, re.MULTILINE))


def source_of(module: str) -> str:
    space, aws, name = module.split(".")
    return (COLLECTIONS / space / aws / "plugins" / "modules" / f"{name}.py").read_text()


@pytest.mark.parametrize("role", ROLES, ids=lambda role: str(role.name))
def test_a_roles_readme_says_what_a_plan_does_not_show_and_the_page_links_to_it(role: Path) -> None:
    assert "\n## What a plan does not see\n" in (role / "README.md").read_text()
    assert f"(../roles/{role.name}/README.md#{PART})" in PAGE


def test_the_page_lists_each_module_that_cannot_check_and_no_other() -> None:
    used = set().union(*map(modules_of, ROLES))
    cannot = {module for module in used if "supports_check_mode=True" not in source_of(module)}
    readers = {module for module in cannot if module.endswith("_info")}
    assert (
        set(re.findall(r"^\| `([\w.]+)`", part_of_page("Modules that cannot check"), re.MULTILINE)) == cannot - readers
    )


def test_the_page_lists_modules_that_would_always_report_a_change() -> None:
    listed = part_of_page("Modules that are called only where something differs")
    for module in ALWAYS_CHANGED:
        assert f"`{module}`" in listed
        assert re.search(r"if module\.check_mode:\n +module\.exit_json\(changed=True", source_of(module))


def test_tasks_that_run_only_in_a_plan_only_read_and_report() -> None:
    for role in ROLES:
        for file in role.glob("tasks/*.yml"):
            for task in re.split(r"\n(?=- name:)", file.read_text()):
                if re.search(r"^ +when: ansible_check_mode$", task, re.MULTILINE):
                    assert re.search(r"_info:|\.debug:|import_tasks:", task), f"{file}: {task}"
