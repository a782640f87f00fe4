"""Patches for the network interfaces that AWS services create in a VPC.

A deleted resource's interfaces remain for `STEPS` steps. A step is a call of DescribeNetworkInterfaces, or a rejected
deletion. On AWS, such interfaces remain for seconds to minutes.
"""

from collections.abc import Iterable
from typing import Any

from moto.ec2.exceptions import DependencyViolationError
from moto.ec2.models.elastic_ip_addresses import ElasticAddressBackend
from moto.ec2.models.instances import Instance
from moto.ec2.models.internet_gateways import InternetGatewayBackend
from moto.ec2.models.nat_gateways import NatGateway, NatGatewayBackend
from moto.ec2.models.security_groups import SecurityGroupBackend
from moto.ec2.models.subnets import SubnetBackend
from moto.ec2.models.vpcs import VPCBackend
from moto.ec2.responses.elastic_network_interfaces import ElasticNetworkInterfaces
from moto.ec2.utils import random_public_ip
from moto.elbv2.models import ELBv2Backend

from rehearsal.aws.patches import restores

STEPS = 2
LEFT = "steps_left"
"""The attribute of a deleted resource's interface that counts its remaining steps."""


def manage(interface: Any, description: str, groups: Iterable[Any]) -> None:
    """Set the attributes of an interface that a service created."""
    interface.description = description
    interface.requester_managed = True
    interface.status = "in-use"
    interface._group_set = [group for group in groups if group]


def release(ec2: Any, interfaces: Iterable[Any]) -> None:
    """Let the interfaces of a deleted resource remain for `STEPS` steps."""
    for interface in interfaces:
        setattr(interface, LEFT, STEPS)
        ec2.enis[interface.id] = interface


def step(ec2: Any) -> None:
    """Count a step, and delete the interfaces that have no steps left."""
    for interface in [each for each in ec2.enis.values() if hasattr(each, LEFT)]:
        setattr(interface, LEFT, getattr(interface, LEFT) - 1)
        if getattr(interface, LEFT) <= 0:
            del ec2.enis[interface.id]


def refuse_if(ec2: Any, found: Iterable[Any], message: str) -> None:
    """Reject a deletion if any interface is found."""
    if any(found):
        step(ec2)
        raise DependencyViolationError(message)


@restores("The network interfaces of a deleted endpoint, NAT gateway or load balancer remain for a few calls")
def let_interfaces_remain() -> None:
    describe = ElasticNetworkInterfaces.describe_network_interfaces

    def describe_network_interfaces(self: Any) -> Any:
        answer = describe(self)
        step(self.ec2_backend)
        return answer

    ElasticNetworkInterfaces.describe_network_interfaces = describe_network_interfaces


@restores("An interface endpoint's network interfaces have its security groups")
def create_interfaces_of_endpoints() -> None:
    create, delete = VPCBackend.create_vpc_endpoint, VPCBackend.delete_vpc_endpoints

    def create_vpc_endpoint(self: Any, *args: Any, **kwargs: Any) -> Any:
        endpoint = create(self, *args, **kwargs)
        groups = [self.get_security_group_from_id(group) for group in endpoint.security_group_ids]
        for identity in endpoint.network_interface_ids:
            manage(self.enis[identity], f"VPC Endpoint Interface {endpoint.id}", groups)
        return endpoint

    def delete_vpc_endpoints(self: Any, vpce_ids: list[str] | None = None) -> None:
        endpoints = [self.vpc_end_points[identity] for identity in vpce_ids or [] if identity in self.vpc_end_points]
        used = [self.enis[each] for point in endpoints for each in point.network_interface_ids if each in self.enis]
        delete(self, vpce_ids)
        release(self, [each for each in used if not hasattr(each, LEFT)])

    VPCBackend.create_vpc_endpoint = create_vpc_endpoint
    VPCBackend.delete_vpc_endpoints = delete_vpc_endpoints


@restores("A NAT gateway's network interface has no security group; its deletion frees the Elastic IP address")
def free_addresses_of_nat_gateways() -> None:
    create, delete = NatGateway.__init__, NatGatewayBackend.delete_nat_gateway

    def initialize(self: Any, *args: Any, **kwargs: Any) -> None:
        create(self, *args, **kwargs)
        manage(self._eni, f"Interface for NAT Gateway {self.id}", [])

    def delete_nat_gateway(self: Any, nat_gateway_id: str) -> Any:
        gateway = delete(self, nat_gateway_id)
        for address in self.addresses:
            if address.eni is gateway._eni:
                self.disassociate_address(address=address.public_ip)
        release(self, [gateway._eni])
        return gateway

    gateway: Any = NatGateway
    gateway.__init__ = initialize
    NatGatewayBackend.delete_nat_gateway = delete_nat_gateway


@restores("ReleaseAddress rejects an address in use: InvalidIPAddress.InUse")
def keep_addresses_in_use() -> None:
    free = ElasticAddressBackend.release_address

    def release_address(self: Any, address: str | None = None, allocation_id: str | None = None) -> None:
        (found,) = self.address_by_ip([address]) if address else self.address_by_allocation([allocation_id])
        if found.association_id:
            self.raise_error("InvalidIPAddress.InUse", f"Address {found.public_ip} is in use.")
        free(self, address, allocation_id)

    ElasticAddressBackend.release_address = release_address


def place(ec2: Any, balancer: Any) -> None:
    """Create and delete interfaces so that a load balancer has one in each of its subnets, with its security groups."""
    kept = {each.subnet.id: each for each in getattr(balancer, "interfaces", [])}
    wanted = {subnet.id: subnet for subnet in balancer.subnets}
    release(ec2, [each for subnet, each in kept.items() if subnet not in wanted])
    for subnet in wanted.keys() - kept.keys():
        kept[subnet] = ec2.create_network_interface(wanted[subnet], "")
        kept[subnet].public_ip = random_public_ip() if balancer.scheme == "internet-facing" else None
    balancer.interfaces = [kept[subnet] for subnet in wanted]
    groups = [ec2.get_security_group_from_id(group) for group in balancer.security_groups or []]
    for interface in balancer.interfaces:
        manage(interface, f"ELB {balancer.arn.partition(':loadbalancer/')[2]}", groups)


@restores("A load balancer has a network interface in each subnet, with its security groups")
def create_interfaces_of_load_balancers() -> None:
    create, delete = ELBv2Backend.create_load_balancer, ELBv2Backend.delete_load_balancer
    set_groups, set_subnets = ELBv2Backend.set_security_groups, ELBv2Backend.set_subnets

    def create_load_balancer(self: Any, *args: Any, **kwargs: Any) -> Any:
        balancer = create(self, *args, **kwargs)
        place(self.ec2_backend, balancer)
        return balancer

    def set_security_groups(self: Any, arn: str, sec_groups: list[str]) -> None:
        set_groups(self, arn, sec_groups)
        place(self.ec2_backend, self.load_balancers[arn])

    def set_all_subnets(self: Any, arn: str, *args: Any, **kwargs: Any) -> Any:
        answer = set_subnets(self, arn, *args, **kwargs)
        place(self.ec2_backend, self.load_balancers[arn])
        return answer

    def delete_load_balancer(self: Any, arn: str) -> None:
        balancer = self.load_balancers.get(arn)
        delete(self, arn)
        if balancer is not None:
            release(self.ec2_backend, balancer.interfaces)

    ELBv2Backend.create_load_balancer = create_load_balancer
    ELBv2Backend.set_security_groups = set_security_groups
    ELBv2Backend.set_subnets = set_all_subnets
    ELBv2Backend.delete_load_balancer = delete_load_balancer


@restores("TerminateInstances deletes the network interfaces that RunInstances created")
def delete_interfaces_of_instances() -> None:
    prepare, terminate = Instance.prep_nics, Instance.terminate

    def prep_nics(self: Any, nic_spec: list[dict[str, Any]], *args: Any, **kwargs: Any) -> None:
        kept = {
            int(nic["DeviceIndex"])
            for nic in nic_spec
            if nic.get("NetworkInterfaceId") or str(nic.get("DeleteOnTermination")).lower() == "false"
        }
        prepare(self, nic_spec, *args, **kwargs)
        for index, interface in self.nics.items():
            interface.delete_on_termination = index not in kept

    def terminate_once(self: Any) -> Any:
        answer = terminate(self)
        for interface in self.nics.values():
            interface.delete_on_termination = False
        return answer

    Instance.prep_nics = prep_nics
    Instance.terminate = terminate_once


@restores("A security group or subnet with a network interface cannot be deleted: DependencyViolation")
def keep_what_interfaces_use() -> None:
    delete_group, delete_subnet = SecurityGroupBackend.delete_security_group, SubnetBackend.delete_subnet

    def delete_security_group(self: Any, name: str | None = None, group_id: str | None = None) -> None:
        users = [each for each in self.enis.values() if group_id in {group.id for group in each.group_set}]
        refuse_if(self, users, f"resource {group_id} has a dependent object")
        delete_group(self, name, group_id)

    def delete_unused_subnet(self: Any, subnet_id: str) -> Any:
        users = [each for each in self.enis.values() if each.subnet.id == subnet_id]
        refuse_if(self, users, f"The subnet '{subnet_id}' has dependencies and cannot be deleted.")
        return delete_subnet(self, subnet_id)

    SecurityGroupBackend.delete_security_group = delete_security_group
    SubnetBackend.delete_subnet = delete_unused_subnet


@restores("An internet gateway cannot be detached while its VPC has public addresses: DependencyViolation")
def keep_gateways_of_public_addresses() -> None:
    detach = InternetGatewayBackend.detach_internet_gateway

    def detach_internet_gateway(self: Any, internet_gateway_id: str, vpc_id: str) -> None:
        users = [each for each in self.enis.values() if each.subnet.vpc_id == vpc_id and each.public_ip]
        refuse_if(self, users, f"Network {vpc_id} has some mapped public address(es).")
        detach(self, internet_gateway_id, vpc_id)

    InternetGatewayBackend.detach_internet_gateway = detach_internet_gateway
