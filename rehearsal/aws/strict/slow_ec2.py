"""EC2's instances, images, NAT gateways and endpoints take time to change their state."""

from typing import Any

from moto.ec2.models.instances import InstanceState

from rehearsal.aws.strict.hooks import Refusal, after, before, is_operators
from rehearsal.aws.strict.transitions import advanced_by, pass_through

CODES = {"pending": 0, "running": 16, "shutting-down": 32, "terminated": 48, "stopping": 64, "stopped": 80}
"""The codes of the states of instances."""

advanced_by("instance", "ec2", "DescribeInstances", "DescribeInstanceStatus")
advanced_by("image", "ec2", "DescribeImages")
advanced_by("snapshot", "ec2", "DescribeSnapshots")
advanced_by("gateway", "ec2", "DescribeNatGateways")
advanced_by("endpoint", "ec2", "DescribeVpcEndpoints")


def change_instance(instance: Any, *states: str) -> None:
    def set_state(name: str) -> None:
        instance._state = InstanceState(name, CODES[name])

    pass_through("instance", set_state, states)


@after("ec2", "RunInstances")
def start_instances(request: Any, result: Any) -> None:
    if is_operators(request):
        for instance in result.instances:
            change_instance(instance, "pending", "running")


@after("ec2", "StopInstances")
def stop_instances(request: Any, _result: Any) -> None:
    for name in request._get_param("InstanceIds", []):
        change_instance(request.ec2_backend.get_instance(name), "stopping", "stopped")


@after("ec2", "TerminateInstances")
def terminate_instances(request: Any, _result: Any) -> None:
    if is_operators(request):
        for name in request._get_param("InstanceIds", []):
            change_instance(request.ec2_backend.get_instance(name), "shutting-down", "terminated")


@after("ec2", "CreateImage")
def copy_volume(request: Any, result: Any) -> None:
    image = request.ec2_backend.amis[result["ImageId"]]
    pass_through("image", lambda state: setattr(image, "state", state), ["pending", "available"])
    snapshot = image.ebs_snapshot
    pass_through("snapshot", lambda state: setattr(snapshot, "status", state), ["pending", "completed"])


@before("ec2", "RunInstances")
def refuse_pending_images(request: Any) -> None:
    image = request.ec2_backend.amis.get(request._get_param("ImageId"))
    if image is not None and image.state != "available":
        raise Refusal("InvalidAMIID.Unavailable", f"The image ID '{image.id}' is not available")


@before("ec2", "DeleteSnapshot")
def refuse_snapshots_in_use(request: Any) -> None:
    name = request._get_param("SnapshotId")
    for image in request.ec2_backend.amis.values():
        if getattr(image.ebs_snapshot, "id", "") == name:
            raise Refusal("InvalidSnapshot.InUse", f"The snapshot {name} is currently in use by {image.id}")


@after("ec2", "CreateNatGateway")
def create_gateway(_request: Any, result: Any) -> None:
    gateway = result["NatGateway"]
    pass_through("gateway", lambda state: setattr(gateway, "state", state), ["pending", "available"])


@after("ec2", "DeleteNatGateway")
def delete_gateway(request: Any, _result: Any) -> None:
    gateway = request.ec2_backend.nat_gateways[request._get_param("NatGatewayId")]
    pass_through("gateway", lambda state: setattr(gateway, "state", state), ["deleting", "deleted"])


@before("ec2", "CreateRoute", "ReplaceRoute")
def refuse_pending_gateways(request: Any) -> None:
    gateway = request.ec2_backend.nat_gateways.get(request._get_param("NatGatewayId"))
    if gateway is not None and gateway.state != "available":
        raise Refusal("InvalidNatGatewayID.NotFound", f"The natGateway ID '{gateway.id}' does not exist")


@before("ec2", "ReleaseAddress")
def refuse_addresses_of_gateways(request: Any) -> None:
    address = request._get_param("AllocationId")
    for gateway in request.ec2_backend.nat_gateways.values():
        if gateway.state != "deleted" and address in [each.get("allocationId") for each in gateway.address_set]:
            raise Refusal("InvalidIPAddress.InUse", f"The address {address} is in use by {gateway.id}")


def change_endpoint(endpoint: Any, *states: str) -> None:
    pass_through("endpoint", lambda state: setattr(endpoint, "state", state), states)


@after("ec2", "CreateVpcEndpoint")
def create_endpoint(_request: Any, result: Any) -> None:
    change_endpoint(result["VpcEndpoint"], "pending", "available")


@after("ec2", "DeleteVpcEndpoints")
def delete_endpoints(request: Any, _result: Any) -> None:
    for name in request._get_param("VpcEndpointIds", []):
        change_endpoint(request.ec2_backend.vpc_end_points[name], "deleting", "deleted")


@before("ec2", "CreateVpcEndpoint")
def refuse_a_second_gateway_endpoint(request: Any) -> None:
    tables = set(request._get_param("RouteTableIds", []))
    for endpoint in request.ec2_backend.vpc_end_points.values():
        same = endpoint.service_name == request._get_param("ServiceName")
        if same and endpoint.state != "deleted" and tables & set(endpoint.route_table_ids or []):
            raise Refusal("RouteAlreadyExists", f"route table already has a route with {endpoint.service_name}")
