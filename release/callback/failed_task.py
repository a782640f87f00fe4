"""Notes which task failed, for whoever reads a machine's tag instead of its log."""

import os
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
    name: failed_task
    type: aggregate
    short_description: Writes the name of the task that failed, and why, into the file $FAILED_TASK_FILE
    description: The first failure that nobody ignored or rescued, as one line.
    requirements: [enabled in configuration]
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """One line: the task's name, and the first line of its message."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "failed_task"
    CALLBACK_NEEDS_ENABLED = True

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:  # noqa: FBT001, FBT002 (Ansible's)
        """Note it."""
        if not ignore_errors:
            self._note(result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Note it."""
        self._note(result)

    def _note(self, result: Any) -> None:
        message = str(result.result.get("stderr") or result.result.get("msg") or "").strip()
        reason = message.splitlines()[-1] if message else "no message"
        Path(os.environ["FAILED_TASK_FILE"]).write_text(f"{result.task.get_name()}: {reason}\n")
