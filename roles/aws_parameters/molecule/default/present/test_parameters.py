"""Tests of the parameters through the AWS API, and of repeated runs."""

import json
from pathlib import Path
from typing import Any

import boto3
import pytest

from rehearsal.operator.playbooks import play, run_playbook

CONVERGE = Path(__file__).parents[1] / "converge.yml"
PATH = "/rising-stars/molecule"


@pytest.fixture
def ssm() -> Any:
    return boto3.client("ssm")


def published(ssm: Any) -> dict[str, str]:
    found = ssm.get_parameters_by_path(Path=PATH, Recursive=True)["Parameters"]
    return {parameter["Name"]: parameter["Value"] for parameter in found}


def test_a_dict_is_published_as_json_and_a_string_unchanged(ssm: Any) -> None:
    values = published(ssm)
    assert sorted(values) == [f"{PATH}/web", f"{PATH}/zone"]
    web = {"bucket": "a-bucket", "threads": 16, "review_required": False, "hosts": ["one", "two"]}
    assert json.loads(values[f"{PATH}/web"]) == web
    assert values[f"{PATH}/zone"] == "molecule.internal"


def test_each_parameter_has_its_tags(ssm: Any) -> None:
    for name in published(ssm):
        tags = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"]
        assert {tag["Key"]: tag["Value"] for tag in tags} == {
            "Project": "rising-stars",
            "Environment": "molecule",
            "ManagedBy": "ansible",
            "Role": "parameters",
            "Name": name,
        }


def test_a_value_changed_by_hand_is_shown_by_a_plan_and_corrected_by_a_run(ssm: Any) -> None:
    ssm.put_parameter(Name=f"{PATH}/zone", Value="elsewhere", Type="String", Overwrite=True)
    assert "changed=1 " in play(CONVERGE, "--check")
    assert published(ssm)[f"{PATH}/zone"] == "elsewhere"
    assert "changed=1 " in play(CONVERGE)
    assert published(ssm)[f"{PATH}/zone"] == "molecule.internal"


@pytest.mark.parametrize(("value", "size"), [("ñ" * 2049, 4098), ("", 0)])
def test_a_value_that_aws_would_reject_is_refused_with_an_explanation(ssm: Any, value: str, size: int) -> None:
    before = published(ssm)
    refused = run_playbook(CONVERGE, "-e", json.dumps({"aws_parameters_values": {"web": value}}))
    assert refused.returncode == 2
    assert f"aws_parameters_values.web has {size} bytes as text." in " ".join(refused.stdout.split())
    assert published(ssm) == before
