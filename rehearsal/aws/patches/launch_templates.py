"""Patches for EC2's launch templates."""

from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.models.launch_templates import LaunchTemplate, LaunchTemplateVersion
from moto.ec2.responses.launch_templates import LaunchTemplates
from moto.ec2.utils import parse_user_data

from rehearsal.aws.patches import restores

Data = dict[str, Any]


@restores("DescribeLaunchTemplateVersions omits the tags of the launch template itself")
def keep_own_tags_out() -> None:
    create_version = LaunchTemplate.create_version

    def without_own_tags(self: LaunchTemplate, data: Data, description: str) -> LaunchTemplateVersion:
        kept = [each for each in data.get("TagSpecifications", []) if each["ResourceType"] != "launch-template"]
        data = {key: value for key, value in data.items() if key != "TagSpecifications"}
        return create_version(self, {**data, "TagSpecifications": kept} if kept else data, description)

    LaunchTemplate.create_version = without_own_tags


@restores("Instances get the user data of their own template version, not the first version's")
def read_user_data_of_later_versions() -> None:
    create_version = LaunchTemplate.create_version

    def with_readable_user_data(self: LaunchTemplate, data: Data, description: str) -> LaunchTemplateVersion:
        user_data = data.get("UserData")
        if isinstance(user_data, str):
            data = {**data, "UserData": parse_user_data(user_data)}
        return create_version(self, data, description)

    LaunchTemplate.create_version = with_readable_user_data


@restores("DeleteLaunchTemplateVersions deletes the given versions; the others keep their numbers")
def delete_versions() -> None:
    def get_version(self: LaunchTemplate, number: Any) -> LaunchTemplateVersion:
        found = {str(version.number): version for version in self.versions}
        aliases = {"$latest": self.versions[-1], "$default": found[str(self.default_version_number)]}
        return aliases.get(str(number).lower()) or found[str(number)]

    def delete_launch_template_versions(self: LaunchTemplates) -> ActionResult:
        name = self._get_param("LaunchTemplateName")
        backend = self.ec2_backend
        template = (
            backend.get_launch_template_by_name(name)
            if name
            else backend.get_launch_template(self._get_param("LaunchTemplateId"))
        )
        asked = {str(number) for number in self._get_param("Versions", [])}
        deleted = [version for version in template.versions if str(version.number) in asked]
        template.versions = [version for version in template.versions if version not in deleted]
        summary = [
            {
                "LaunchTemplateId": template.id,
                "LaunchTemplateName": template.name,
                "VersionNumber": version.number,
            }
            for version in deleted
        ]
        return ActionResult({"SuccessfullyDeletedLaunchTemplateVersions": summary})

    LaunchTemplate.get_version = get_version
    LaunchTemplate.default_version = lambda self: get_version(self, "$Default")
    answers: Any = LaunchTemplates
    answers.delete_launch_template_versions = delete_launch_template_versions
