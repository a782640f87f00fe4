"""Why a machine cannot be what it is to be, each in a sentence for the operator."""


class HostError(Exception):
    """Something that only an operator can put right."""


class Unreachable(HostError):
    """AWS gave no answer in time. It may later."""
