"""The role reads, and leaves nothing behind."""

from rehearsal.aws.leftovers import leftovers


def test_nothing_was_created() -> None:
    assert leftovers("molecule") == []
