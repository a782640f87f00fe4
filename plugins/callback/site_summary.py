"""What a run ends with: what the operator may paste into a log book.

Printed after the recap: the facts that plays gave with `ansible.builtin.set_stats` (addresses, versions, warnings), the
tasks that changed something, how many calls of AWS modules it took and how long.
"""

import time
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: site_summary
type: aggregate
short_description: Ends a run with addresses, versions, warnings and what changed
description:
  - Prints what plays noted with C(ansible.builtin.set_stats), the tasks that changed something, the number of module
    calls that asked AWS, and the time it took.
"""

OWN_MODULES = tuple(path.stem for path in (Path(__file__).parents[1] / "modules").glob("*.py"))
ASKS_AWS = ("amazon.aws.", "community.aws.", *OWN_MODULES)
"""How the names of modules begin that call AWS: the collections' and the project's own."""


class CallbackModule(CallbackBase):
    """Collects while tasks end, prints when all have."""

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
        """Note a task that ended well; one with a loop is noted item by item."""
        if not result.task.loop:
            self._note(result, label=None)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        """Note one item of a loop."""
        self._note(result, label=self._get_item_label(result.result))

    def _note(self, result: Any, label: Any) -> None:
        if result.task.action.startswith(ASKS_AWS):
            self._calls += 1
        if result.is_changed():
            self._changed.append(result.task.get_name() + (f" ({label})" if label is not None else ""))

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Print the summary, if plays noted anything for it."""
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
