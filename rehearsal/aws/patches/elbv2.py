"""Patches for Elastic Load Balancing."""

from typing import Any

from moto.elbv2 import models
from moto.elbv2.exceptions import ELBClientError

from rehearsal.aws.patches import restores

DEFAULT_ATTRIBUTES = {
    "access_logs.s3.enabled": "false",
    "client_keep_alive.seconds": "3600",
    "idle_timeout.timeout_seconds": "60",
    "load_balancing.cross_zone.enabled": "true",
    "routing.http.desync_mitigation_mode": "defensive",
    "routing.http.drop_invalid_header_fields.enabled": "false",
    "routing.http.preserve_host_header.enabled": "false",
    "routing.http.x_amzn_tls_version_and_cipher_suite.enabled": "false",
    "routing.http.xff_client_port.enabled": "false",
    "routing.http.xff_header_processing.mode": "append",
    "routing.http2.enabled": "true",
    "waf.fail_open.enabled": "false",
}
"""The attributes of a newly created application load balancer."""


@restores("DescribeLoadBalancerAttributes returns every attribute, with its default if not set")
def report_every_attribute() -> None:
    create = models.FakeLoadBalancer.__init__

    def create_with_attributes(self: Any, *args: Any, **kwargs: Any) -> None:
        create(self, *args, **kwargs)
        self.attrs.update(DEFAULT_ATTRIBUTES)

    models.FakeLoadBalancer.__init__ = create_with_attributes


@restores("DeleteLoadBalancer fails while deletion_protection.enabled is true")
def enforce_deletion_protection() -> None:
    delete = models.ELBv2Backend.delete_load_balancer

    def delete_load_balancer(self: models.ELBv2Backend, arn: str) -> None:
        balancer = self.load_balancers.get(arn)
        if balancer is not None and balancer.attrs["deletion_protection.enabled"] == "true":
            raise ELBClientError(
                "OperationNotPermitted",
                f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled",
            )
        delete(self, arn)

    models.ELBv2Backend.delete_load_balancer = delete_load_balancer
