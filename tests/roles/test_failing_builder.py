"""When a builder reports an error, the run fails with that error and terminates the builder."""

import pytest

from tests.roles.scenarios import run_scenario

pytestmark = pytest.mark.slow


@pytest.mark.timeout(600)
def test_the_error_of_a_failing_builder_is_reported_and_the_builder_terminated() -> None:
    done = run_scenario("aws_image", "faulty")
    assert done.returncode == 0, done.stdout[-12_000:]
    assert " 1 passed" in done.stdout
