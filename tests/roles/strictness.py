"""Mock AWS in strict mode (rehearsal/aws/strict), for an operator whose processes sleep only briefly."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rehearsal.aws.server import MockAws
from rehearsal.operator.account import running_account

SLEEP_FACTOR = "0.02"
"""The factor for the sleeps of modules and ansible-playbook (testing/ansible_modules/startup/scaled_sleep.py)."""


@contextmanager
def strict_account(folder: Path, seed: int) -> Iterator[MockAws]:
    """Run an operator's account in strict mode; `seed` determines the delays."""
    with pytest.MonkeyPatch.context() as patch, running_account(folder, strict=seed) as aws:
        patch.setenv("SLEEP_FACTOR", SLEEP_FACTOR)
        yield aws
