"""What can go wrong, for a person."""


class DemoError(Exception):
    """It cannot go on; the text is a sentence that says why and what to do."""
