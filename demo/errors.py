"""The error that ends the demo."""


class DemoError(Exception):
    """The demo cannot continue. The message says why, and what to do."""
