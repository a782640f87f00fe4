"""What hosts ask AWS for, kept there as the cloud roles keep it: the site's settings and secrets."""

import json
import secrets

from rehearsal.aws.server import MockAws
from rehearsal.hosts.services import Database

BUCKET = "rising-stars-tests"
REGION = "us-east-1"
PARAMETERS = "/rising-stars/tests"
SECRET_PREFIX = "rising-stars/tests"
SECRETS = ("database", "jwt", "doorbell", "redis", "verification")
BRISK = {
    "render_profile": "lite",
    "lease_seconds": 8,
    "heartbeat_seconds": 2,
    "upkeep_interval_seconds": 1,
    "redispatch_after_seconds": 5,
}
"""The platform's own settings where nobody wants to wait for a minute."""

BALANCER_SECONDS = 10
"""Seconds, for which the site's settings say that its load balancer drains."""


def publish_settings(cloud: MockAws, database: Database, name: str, *, queue_host: str) -> None:
    """The parameter `hosts`, with the database of that name on the server."""
    settings = {
        "environment": "tests",
        "region": REGION,
        "endpoint_url": cloud.endpoint,
        "database_host": database.address,
        "database_port": database.port,
        "database_name": name,
        "database_username": "stars",
        "queue_host": queue_host,
        "media_bucket": BUCKET,
        "secret_prefix": SECRET_PREFIX,
        "log_group_prefix": PARAMETERS,
        "metric_namespace": "RisingStars/tests",
        # Here, this machine is the balancer.
        "balancer_ranges": [f"{database.address}/32"],
        "balancer_seconds": BALANCER_SECONDS,
        "settings": BRISK,
    }
    parameter = {"Name": f"{PARAMETERS}/hosts", "Value": json.dumps(settings), "Type": "String"}
    cloud.client("ssm").put_parameter(**parameter, Overwrite=True)


def keep_secret(cloud: MockAws, database: Database, name: str) -> None:
    """One of `SECRETS`."""
    made = database.server.password if name == "database" else secrets.token_hex(24)
    cloud.client("secretsmanager").create_secret(Name=f"{SECRET_PREFIX}/{name}", SecretString=made)
