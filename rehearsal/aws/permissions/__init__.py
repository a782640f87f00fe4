"""Which permissions AWS asks of who makes a call, and whether policies grant them.

After the Service Authorization Reference, for the services that this project calls.
"""

from rehearsal.aws.permissions.asked import Asked, Site
from rehearsal.aws.permissions.policies import Policies
from rehearsal.aws.permissions.roles import Roles

__all__ = ["Asked", "Policies", "Roles", "Site"]
