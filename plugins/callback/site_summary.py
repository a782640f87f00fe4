"""Print a summary at the end of a run, after Ansible's recap.

The summary lists what plays set with `ansible.builtin.set_stats` (addresses, versions, warnings), the tasks that
changed something, the number of AWS module calls, and the duration.
"""

import time
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: site_summary
type: aggregate
short_description: Print a summary of addresses, versions, warnings and changes at the end of a run
description:
  - Prints what plays set with C(ansible.builtin.set_stats), the tasks that changed something, the number of
    AWS module calls, and the duration.
"""

OWN_MODULES = tuple(path.stem for path in (Path(__file__).parents[1] / "modules").glob("*.py"))
ASKS_AWS = ("amazon.aws.", "community.aws.", *OWN_MODULES)
"""Prefixes of the names of modules that call AWS: two collections' prefixes, and the names of the project's modules."""


class CallbackModule(CallbackBase):
    """Collect the results of tasks and print the summary at the end."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "site_summary"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._began = time.monotonic()
        self._changed: list[str] = []
        self._calls = 0

    def v2_runner_on_ok(self, result: Any) -> None:
        """Record a successful task without a loop. `v2_runner_item_on_ok` records the items of a loop."""
        if not result.task.loop:
            self._note(result, label=None)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        """Record one item of a loop."""
        self._note(result, label=self._get_item_label(result.result))

    def _note(self, result: Any, label: Any) -> None:
        if result.task.action.startswith(ASKS_AWS):
            self._calls += 1
        if result.is_changed():
            self._changed.append(result.task.get_name() + (f" ({label})" if label is not None else ""))

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Print the summary if plays set any stats for it (`set_stats`)."""
        noted = stats.custom.get("_run", {})
        if not noted:
            return
        show = self._display.display
        seconds = time.monotonic() - self._began
        show(f"\nSUMMARY: {len(self._changed)} changed, {self._calls} calls of AWS modules, {seconds:.0f} s")
        for name, value in noted.items():
            if value not in (None, "", []):
                show(f"  {name}: {'; '.join(map(str, value)) if isinstance(value, list) else value}")
        for change in self._changed:
            show(f"  changed: {change}")
