"""The separation of the roles: `aws_*` roles change no host, and `host_*` roles do not call AWS."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
MODULE = re.compile(r"^(amazon\.aws|community\.aws|community\.general|ansible\.builtin|ansible\.posix)\.\w+$")
PROJECT_MODULES = {path.stem for path in ROOT.glob("plugins/modules/*.py")}
CHANGE_A_HOST = {
    f"ansible.builtin.{name}"
    for name in (
        "apt",
        "copy",
        "file",
        "group",
        "lineinfile",
        "package",
        "service",
        "systemd",
        "systemd_service",
        "user",
    )
}


def tasks_of(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every task in a file, including those in blocks."""
    for entry in node if isinstance(node, list) else []:
        yield entry
        for part in ("block", "rescue", "always"):
            yield from tasks_of(entry.get(part))


def modules_of(roles: str) -> set[tuple[str, str]]:
    """Return (file, module) for each task and handler of the roles that match the glob `roles`, such as `host_*`."""
    found = set()
    for path in sorted(ROOT.glob(f"roles/{roles}/tasks/*.yml")) + sorted(ROOT.glob(f"roles/{roles}/handlers/*.yml")):
        for task in tasks_of(yaml.safe_load(path.read_text())):
            found |= {(str(path.relative_to(ROOT)), key) for key in task if MODULE.match(key) or key in PROJECT_MODULES}
    return found


def test_no_host_role_calls_aws() -> None:
    calls = {
        (path, module)
        for path, module in modules_of("host_*")
        if module.startswith(("amazon.aws", "community.aws")) or module in PROJECT_MODULES
    }
    assert calls == set()


def test_no_aws_role_changes_a_host() -> None:
    assert {(path, module) for path, module in modules_of("aws_*") if module in CHANGE_A_HOST} == set()


@pytest.mark.parametrize("role", sorted(path.name for path in ROOT.glob("roles/*_*")))
def test_roles_do_not_reach_into_each_other(role: str) -> None:
    others = [path.name for path in ROOT.glob("roles/*_*") if path.name != role]
    lines = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for folder in ("tasks", "vars", "defaults", "handlers", "templates")
        for path in sorted((ROOT / "roles" / role / folder).rglob("*"))
        if path.is_file()
        for line in path.read_text().splitlines()
        if any(re.search(rf"\b{other}_\w", line) for other in others)
    ]
    assert lines == []
