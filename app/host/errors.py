"""Errors of the `rising-stars host` commands, each with a sentence for the operator."""


class HostError(Exception):
    """An error that an operator must fix."""


class Unreachable(HostError):
    """AWS did not respond in time. A retry may succeed."""
