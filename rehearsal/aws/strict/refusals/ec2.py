"""What EC2 rejects."""

import base64
import re
from collections.abc import Iterator
from typing import Any

from rehearsal.aws.strict.refusals import outside, refuses

MOST_USER_DATA_BYTES = 16384
LAUNCHES = ("RunInstances", "CreateLaunchTemplate", "CreateLaunchTemplateVersion")
GROUP_TEXT = re.compile(r"[A-Za-z0-9 ._\-:/()#,@\[\]+=&;{}!$*]{1,255}")
IMAGE_NAME = re.compile(r"[A-Za-z0-9()\[\] ./\-'@_]{3,128}")


def launch_data(request: Any) -> Any:
    """Return the parameters of a launch: those of RunInstances, or of a launch template."""
    return request._get_param("LaunchTemplateData") or request.params


def volumes(request: Any) -> Iterator[dict[str, Any]]:
    """Yield the gp3 volumes of a launch."""
    for mapping in launch_data(request).get("BlockDeviceMappings") or []:
        volume = mapping.get("Ebs") or {}
        if volume.get("VolumeType") == "gp3":
            yield volume


@refuses(
    "User data",
    "ec2",
    "CreateLaunchTemplate",
    "CreateLaunchTemplateVersion",
    "RunInstances",
    code="InvalidParameterValue",
    words="User data is limited to 16 KB.",
)
def refuse_large_user_data(request: Any) -> bool:
    return len(base64.b64decode(launch_data(request).get("UserData") or "")) > MOST_USER_DATA_BYTES


@refuses("IOPS of a gp3 volume", "ec2", *LAUNCHES, code="InvalidParameterValue", words="gp3: 3,000 - 80,000 IOPS")
def refuse_iops(request: Any) -> bool:
    return any(outside(volume.get("Iops"), 3000, 80_000) for volume in volumes(request))


@refuses(
    "Throughput of a gp3 volume",
    "ec2",
    *LAUNCHES,
    code="InvalidParameterValue",
    words="Valid Range: Minimum value of 125. Maximum value of 2,000.",
)
def refuse_throughput(request: Any) -> bool:
    return any(outside(volume.get("Throughput"), 125, 2000) for volume in volumes(request))


@refuses("Size of a gp3 volume", "ec2", *LAUNCHES, code="InvalidParameterValue", words="gp3: 1 - 65,536 GiB")
def refuse_volume_sizes(request: Any) -> bool:
    return any(outside(volume.get("VolumeSize"), 1, 65_536) for volume in volumes(request))


@refuses(
    "A security group's name",
    "ec2",
    "CreateSecurityGroup",
    code="InvalidParameterValue",
    words="Can't start with sg-. Valid characters: a-z, A-Z, 0-9, spaces, and ._-:/()#,@[]+=&;{}!$*",
)
def refuse_group_names(request: Any) -> bool:
    name = request._get_param("GroupName")
    return GROUP_TEXT.fullmatch(name) is None or name.startswith("sg-")


@refuses(
    "A security group's description",
    "ec2",
    "CreateSecurityGroup",
    code="InvalidParameterValue",
    words="Up to 255 characters in length Valid characters: a-z, A-Z, 0-9, spaces, and ._-:/()#,@[]+=&;{}!$*",
)
def refuse_group_descriptions(request: Any) -> bool:
    return GROUP_TEXT.fullmatch(request._get_param("Description")) is None


@refuses(
    "An image's name",
    "ec2",
    "CreateImage",
    code="InvalidAMIName.Malformed",
    words="3-128 alphanumeric characters, parentheses (()), square brackets ([]), spaces ( ), periods (.), slashes "
    "(/), dashes (-), single quotes ('), at-signs (@), or underscores(_)",
)
def refuse_image_names(request: Any) -> bool:
    return IMAGE_NAME.fullmatch(request._get_param("Name")) is None


@refuses(
    "A tag's key",
    "ec2",
    "CreateTags",
    code="InvalidParameterValue",
    words="Tag keys are case-sensitive and accept a maximum of 127 Unicode characters. May not begin with aws:.",
)
def refuse_tag_keys(request: Any) -> bool:
    keys = [tag["Key"] for tag in request._get_param("Tags", [])]
    return any(len(key) > 127 or key.startswith("aws:") for key in keys)


@refuses(
    "A tag's value",
    "ec2",
    "CreateTags",
    code="InvalidParameterValue",
    words="Tag values are case-sensitive and accept a maximum of 256 Unicode characters.",
)
def refuse_tag_values(request: Any) -> bool:
    return any(len(tag.get("Value") or "") > 256 for tag in request._get_param("Tags", []))
