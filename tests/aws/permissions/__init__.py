"""Which permissions AWS asks of who makes a call, and whether policies grant them.

After the Service Authorization Reference, for the services that this project calls.
"""

from tests.aws.permissions.asked import Asked, Site
from tests.aws.permissions.policies import Policies
from tests.aws.permissions.roles import Roles

__all__ = ["Asked", "Policies", "Roles", "Site"]
