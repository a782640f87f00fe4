"""Manage a set of secrets with generated values in one task."""

import secrets
import string
from typing import Any

from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule
from ansible_collections.amazon.aws.plugins.module_utils.retries import AWSRetry
from ansible_collections.amazon.aws.plugins.module_utils.tagging import (
    ansible_dict_to_boto3_tag_list,
    boto3_tag_list_to_ansible_dict,
    compare_aws_tags,
)
from botocore.exceptions import BotoCoreError, ClientError

DOCUMENTATION = r"""
module: generated_secrets
short_description: Manage a set of secrets with generated values in one task
description:
  - Creates each missing secret with a random value of letters and digits. Never reads an existing value, and replaces
    one only in a rotation. Restores a deleted secret with its value if the recovery window has not ended.
  - The module generates the values and sends them only to Secrets Manager; no task, result or log ever contains one.
  - Replaces M(community.aws.secretsmanager_secret), which takes the value as an option, reads the existing value in
    every run, and needs a task for each secret.
author: Rising Stars
extends_documentation_fragment: [amazon.aws.common.modules, amazon.aws.region.modules, amazon.aws.boto3]
options:
  state:
    description: Whether the secrets exist after the run.
    type: str
    choices: [present, absent]
    default: present
  names:
    description: The secrets' names.
    type: list
    elements: str
    required: true
  rotate:
    description:
      - Secrets among O(names) that get a new value at once. The module removes the labels C(NEXT) and C(LAST), so that
        readers accept only the new value. AWS labels the previous value AWSPREVIOUS, a label that readers ignore.
    type: list
    elements: str
    default: []
  prepare:
    description: Secrets among O(names) that get a next value, with the label C(NEXT), if they do not have one yet.
    type: list
    elements: str
    default: []
  promote:
    description:
      - Secrets among O(names) whose next value becomes the current one. The previous value gets the label C(LAST). A
        secret without a next value is not changed.
    type: list
    elements: str
    default: []
  retire:
    description: Secrets among O(names) whose previous value loses the label C(LAST). Readers then reject this value.
    type: list
    elements: str
    default: []
  length:
    description: Length of a value in characters.
    type: int
    default: 48
  kms_key_id:
    description: Customer-managed key that encrypts the secrets. If empty, AWS uses its key aws/secretsmanager.
    type: str
    default: ""
  tags:
    description: Tags of each secret. The module adds C(Name) and removes all other tags.
    type: dict
    default: {}
  recovery_window_days:
    description: Number of days for which a deleted secret can be restored, 7 to 30. If 0, secrets are deleted at once.
    type: int
    default: 30
"""

EXAMPLES = r"""
- name: Create the secrets
  generated_secrets:
    names: [rising-stars/production/database, rising-stars/production/jwt]
    rotate: [rising-stars/production/jwt]
"""

RETURN = r"""
arns:
  description: ARN of each secret, by name. In check mode, the ARN of a secret that would be created is null.
  returned: when O(state=present)
  type: dict
actions:
  description: The actions taken, for example 'created NAME'.
  returned: always
  type: list
  elements: str
"""

ALPHABET = string.ascii_letters + string.digits
"""Characters that need no escaping in SQL, a URL or a shell."""

CURRENT, NEXT, LAST = "AWSCURRENT", "NEXT", "LAST"
"""Staging labels of a secret's versions. AWS defines the first; the project uses the others for a rotation in steps."""

RELABEL = "update_secret_version_stage"
Found = dict[str, Any]


class Secrets:
    """Changes secrets and records each action. In check mode, it only records the actions."""

    def __init__(self, module: AnsibleAWSModule) -> None:
        # For a while after a deletion, AWS rejects the secret's name with InvalidRequestException, so the
        # client retries.
        patience = AWSRetry.jittered_backoff(retries=8, catch_extra_error_codes=["InvalidRequestException"])
        self._client = module.client("secretsmanager", retry_decorator=patience)
        self._params: dict[str, Any] = module.params
        self._only_checks = bool(module.check_mode)
        self.actions: list[str] = []

    def ensure_present(self, name: str) -> str | None:
        """Create, restore or update one secret; return its ARN, or None in check mode if it does not exist."""
        found = self._find(name)
        if found is None:
            made = self._do(
                "created", name, "create_secret", "Name", Tags=self._tags(name), **self._key(), **self._value()
            )
            return str(made["ARN"]) if made else None
        if "DeletedDate" in found:
            self._do("restored", name, "restore_secret")
        self._update(name, found)
        self._change_value(name, found)
        return str(found["ARN"])

    def _change_value(self, name: str, found: Found) -> None:
        """Perform the rotation steps that the parameters request."""
        labelled = {label: id_ for id_, labels in found.get("VersionIdsToStages", {}).items() for label in labels}
        if name in self._params["prepare"] and NEXT not in labelled:
            self._do("prepared", name, "put_secret_value", VersionStages=[NEXT], **self._value())
        if name in self._params["promote"] and NEXT in labelled:
            self._promote(name, labelled)
        if name in self._params["rotate"]:
            self._do("rotated", name, "put_secret_value", **self._value())
            self._take_labels(name, labelled, NEXT, LAST)
        if name in self._params["retire"] and LAST in labelled:
            self._do("retired the last value of", name, RELABEL, VersionStage=LAST, RemoveFromVersionId=labelled[LAST])

    def _promote(self, name: str, labelled: dict[str, str]) -> None:
        """Make the next value current. If a run is interrupted between two calls, the next run completes the change."""
        current, following = labelled[CURRENT], labelled[NEXT]
        if current != following:
            before = {"RemoveFromVersionId": labelled[LAST]} if LAST in labelled else {}
            if labelled.get(LAST) != current:
                self._do("kept the last value of", name, RELABEL, VersionStage=LAST, MoveToVersionId=current, **before)
            moved = {"MoveToVersionId": following, "RemoveFromVersionId": current}
            self._do("promoted", name, RELABEL, VersionStage=CURRENT, **moved)
        self._take_labels(name, labelled, NEXT)

    def _take_labels(self, name: str, labelled: dict[str, str], *labels: str) -> None:
        for label in labels:
            if label in labelled:
                self._do(f"took {label} from", name, RELABEL, VersionStage=label, RemoveFromVersionId=labelled[label])

    def ensure_absent(self, name: str) -> None:
        """Delete one secret, at once or with a recovery window."""
        found, days = self._find(name), self._params["recovery_window_days"]
        if found is None or ("DeletedDate" in found and days > 0):
            return
        how = {"RecoveryWindowInDays": days} if days else {"ForceDeleteWithoutRecovery": True}
        self._do("deleted", name, "delete_secret", **how)

    def _find(self, name: str) -> Found | None:
        try:
            return dict(self._client.describe_secret(SecretId=name, aws_retry=True))
        except self._client.exceptions.ResourceNotFoundException:
            return None

    def _update(self, name: str, found: Found) -> None:
        key = self._params["kms_key_id"]
        # AWS returns a customer-managed key as an ARN or an id, and omits the AWS managed key. This line compares only
        # the ids.
        if (found.get("KmsKeyId") or "").rpartition("/")[2] != key.rpartition("/")[2]:
            self._do("encrypted again", name, "update_secret", KmsKeyId=key)
        present = boto3_tag_list_to_ansible_dict(found.get("Tags", []))
        desired = boto3_tag_list_to_ansible_dict(self._tags(name))
        missing, foreign = compare_aws_tags(present, desired, purge_tags=True)
        if missing:
            self._do("tagged", name, "tag_resource", Tags=ansible_dict_to_boto3_tag_list(missing))
        if foreign:
            self._do("untagged", name, "untag_resource", TagKeys=foreign)

    def _do(self, action: str, name: str, operation: str, named_by: str = "SecretId", **arguments: Any) -> Found | None:
        self.actions.append(f"{action} {name}")
        if self._only_checks:
            return None
        return dict(getattr(self._client, operation)(aws_retry=True, **{named_by: name}, **arguments))

    def _tags(self, name: str) -> list[dict[str, str]]:
        tags: list[dict[str, str]] = ansible_dict_to_boto3_tag_list({**self._params["tags"], "Name": name})
        return tags

    def _key(self) -> dict[str, str]:
        return {"KmsKeyId": self._params["kms_key_id"]} if self._params["kms_key_id"] else {}

    def _value(self) -> dict[str, str]:
        return {"SecretString": "".join(secrets.choice(ALPHABET) for _ in range(self._params["length"]))}


def main() -> None:
    """Run the module."""
    module = AnsibleAWSModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "names": {"type": "list", "elements": "str", "required": True},
            "rotate": {"type": "list", "elements": "str", "default": []},
            "prepare": {"type": "list", "elements": "str", "default": []},
            "promote": {"type": "list", "elements": "str", "default": []},
            "retire": {"type": "list", "elements": "str", "default": []},
            "length": {"type": "int", "default": 48},
            "kms_key_id": {"type": "str", "default": ""},
            "tags": {"type": "dict", "default": {}},
            "recovery_window_days": {"type": "int", "default": 30},
        },
        supports_check_mode=True,
    )
    store, names, result = Secrets(module), module.params["names"], {}
    try:
        if module.params["state"] == "present":
            result["arns"] = {name: store.ensure_present(name) for name in names}
        else:
            for name in names:
                store.ensure_absent(name)
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"Secrets Manager failed; completed before: {store.actions or 'nothing'}")
    diff = {"before": "", "after": "".join(f"{action}\n" for action in store.actions)}
    module.exit_json(changed=bool(store.actions), actions=store.actions, diff=diff, **result)


if __name__ == "__main__":
    main()
