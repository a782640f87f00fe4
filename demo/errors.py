"""The error with which the demo stops."""


class DemoError(Exception):
    """The demo cannot continue. The message says why, and what to do."""
