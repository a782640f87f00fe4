"""Write the failed task to a file; the first boot reports the file's content in the tag BootStatus."""

import os
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
    name: failed_task
    type: aggregate
    short_description: Write the failed task and the reason to the file that $FAILED_TASK_FILE names
    description: Writes the last failure, as one line. Ignores failures of tasks with ignore_errors.
    requirements: [enabled in configuration]
"""


class CallbackModule(CallbackBase):  # type: ignore[misc]
    """Writes one line: the task's name, and the last line of its stderr or, if stderr is empty, of its message."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "failed_task"
    CALLBACK_NEEDS_ENABLED = True

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:  # noqa: FBT001, FBT002 (Ansible's)
        """Write the failure, unless the task ignores errors."""
        if not ignore_errors:
            self._write(result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Write that the host could not be reached."""
        self._write(result)

    def _write(self, result: Any) -> None:
        message = str(result.result.get("stderr") or result.result.get("msg") or "").strip()
        reason = message.splitlines()[-1] if message else "no message"
        Path(os.environ["FAILED_TASK_FILE"]).write_text(f"{result.task.get_name()}: {reason}\n")
