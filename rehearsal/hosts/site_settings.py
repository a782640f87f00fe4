"""Publish the site's settings and secrets in mock AWS, as the aws_ roles publish them on AWS."""

import json
import secrets

from rehearsal.aws.server import MockAws
from rehearsal.hosts.services import Database

BUCKET = "rising-stars-tests"
REGION = "us-east-1"
PARAMETERS = "/rising-stars/tests"
SECRET_PREFIX = "rising-stars/tests"
SECRETS = ("database", "jwt", "doorbell", "redis", "verification")
FAST_SETTINGS = {
    "render_profile": "lite",
    "lease_seconds": 8,
    "heartbeat_seconds": 2,
    "upkeep_interval_seconds": 1,
    "redispatch_after_seconds": 5,
}
"""Platform settings with shortened times, so that tests need not wait for minutes."""


def publish_settings(cloud: MockAws, database: Database, name: str, *, queue_host: str) -> None:
    """Set the parameter with the hosts' settings. `name` is the database's name on the server."""
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
        # Tests send their requests from this address, as the load balancer would.
        "balancer_ranges": [f"{database.address}/32"],
        "settings": FAST_SETTINGS,
    }
    parameter = {"Name": f"{PARAMETERS}/hosts", "Value": json.dumps(settings), "Type": "String"}
    cloud.client("ssm").put_parameter(**parameter, Overwrite=True)


def create_secret(cloud: MockAws, database: Database, name: str) -> None:
    """Create one of `SECRETS`."""
    value = database.server.password if name == "database" else secrets.token_hex(24)
    cloud.client("secretsmanager").create_secret(Name=f"{SECRET_PREFIX}/{name}", SecretString=value)
