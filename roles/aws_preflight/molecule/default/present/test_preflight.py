"""Tests that the role only reads."""

from rehearsal.aws.leftovers import leftovers


def test_nothing_was_created() -> None:
    assert leftovers("molecule") == []
