"""Which machine images somebody needs: machines that exist, and groups that may start some at any time."""

from collections.abc import Callable, Iterator
from typing import Any

Resource = dict[str, Any]


def images_in_use(machines: list[Resource], groups: list[Resource], templates: list[Resource]) -> list[str]:
    """The ids of the images of `machines`, and of the launch template versions that `groups` are at.

    All three are as amazon.aws' info modules tell them.
    """
    started = {machine["image_id"] for machine in machines}
    startable = {image for group in groups for image in _images_of(group, templates)}
    return sorted(started | startable)


def _images_of(group: Resource, templates: list[Resource]) -> Iterator[str]:
    # Machines that an instance refresh has replaced, or not yet, may be at another version than the group.
    for used in [group, *group.get("instances", [])]:
        reference = used.get("launch_template") or _mixed(used).get("launch_template_specification") or {}
        for template in templates:
            if template["launch_template_id"] == reference.get("launch_template_id"):
                yield from _image_of_version(template, str(reference.get("version", "$Default")))


def _mixed(group: Resource) -> Resource:
    policy: Resource = group.get("mixed_instances_policy") or {}
    return policy.get("launch_template") or {}


def _image_of_version(template: Resource, wanted: str) -> Iterator[str]:
    for version in template["versions"]:
        number = str(version["version_number"])
        names = {number}
        if number == str(template["latest_version_number"]):
            names.add("$Latest")
        if number == str(template["default_version_number"]):
            names.add("$Default")
        if wanted in names and "image_id" in version["launch_template_data"]:
            yield version["launch_template_data"]["image_id"]


class FilterModule:
    """Ansible finds the filters here."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name → filter."""
        return {"images_in_use": images_in_use}
