"""Jinja filter: the images of existing machines, and the images from which Auto Scaling groups launch new machines."""

from collections.abc import Callable, Iterator
from typing import Any

Resource = dict[str, Any]


def images_in_use(machines: list[Resource], groups: list[Resource], templates: list[Resource]) -> list[str]:
    """Return the ids of the images that `machines` run, and of the images in the launch templates of `groups`.

    The arguments are lists in the format that the info modules of amazon.aws return.
    """
    started = {machine["image_id"] for machine in machines}
    startable = {image for group in groups for image in _images_of(group, templates)}
    return sorted(started | startable)


def _images_of(group: Resource, templates: list[Resource]) -> Iterator[str]:
    # During an instance refresh, a machine's template version may differ from the group's. Both images are in use.
    for used in [group, *group.get("instances", [])]:
        reference = used.get("launch_template") or _mixed(used).get("launch_template_specification") or {}
        for template in templates:
            if template["launch_template_id"] == reference.get("launch_template_id"):
                yield from _image_of_version(template, str(reference.get("version", "$Default")))


def _mixed(group: Resource) -> Resource:
    policy: Resource = group.get("mixed_instances_policy") or {}
    return policy.get("launch_template") or {}


def _image_of_version(template: Resource, reference: str) -> Iterator[str]:
    for version in template["versions"]:
        number = str(version["version_number"])
        names = {number}
        if number == str(template["latest_version_number"]):
            names.add("$Latest")
        if number == str(template["default_version_number"]):
            names.add("$Default")
        if reference in names and "image_id" in version["launch_template_data"]:
            yield version["launch_template_data"]["image_id"]


class FilterModule:
    """The class that Ansible loads."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"images_in_use": images_in_use}
