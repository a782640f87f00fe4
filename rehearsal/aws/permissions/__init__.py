"""Determine which permissions AWS requires for a call, and whether policies grant them.

The rules follow AWS' Service Authorization Reference. They cover only the services that this project calls.
"""

from rehearsal.aws.permissions.asked import Asked, Site
from rehearsal.aws.permissions.policies import Policies
from rehearsal.aws.permissions.roles import Roles

__all__ = ["Asked", "Policies", "Roles", "Site"]
