"""A builder that reports a fault fails the run with its own words, and is gone."""

import pytest

from tests.roles.scenarios import run_scenario

pytestmark = pytest.mark.slow


@pytest.mark.timeout(600)
def test_a_failing_builder_is_heard_and_terminated() -> None:
    done = run_scenario("aws_image", "faulty")
    assert done.returncode == 0, done.stdout[-12_000:]
    assert " 1 passed" in done.stdout
