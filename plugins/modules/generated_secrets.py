"""Secrets that nobody chose and nobody sees, in one call."""

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
short_description: Secrets that nobody chose and nobody sees, in one call
description:
  - Makes each secret that is not there, with a random value of letters and digits. A value that is there stays, and is
    never read. A secret that was deleted and may still be restored is restored, with its value.
  - The values are made here and go to Secrets Manager alone; no task, result or log ever holds one.
    M(community.aws.secretsmanager_secret) must be handed a value, reads the one that is there in every run, and takes a
    call for each secret.
author: Rising Stars
extends_documentation_fragment: [amazon.aws.common.modules, amazon.aws.region.modules, amazon.aws.boto3]
options:
  state:
    description: Whether the secrets are to be there or gone.
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
      - Those of O(names) that get a new value at once. The one before stays under the label AWSPREVIOUS; the labels
        C(NEXT) and C(LAST) are taken away, so no reader accepts it.
    type: list
    elements: str
    default: []
  prepare:
    description: Those of O(names) that get their next value, under the label C(NEXT). One that has it keeps it.
    type: list
    elements: str
    default: []
  promote:
    description:
      - Those of O(names) whose next value becomes the current one. The current one stays under the label C(LAST). One
        without a next value stays as it is.
    type: list
    elements: str
    default: []
  retire:
    description: Those of O(names) whose last value loses its label C(LAST), so no reader accepts it.
    type: list
    elements: str
    default: []
  length:
    description: Characters of a value.
    type: int
    default: 48
  kms_key_id:
    description: A customer's key that the secrets are encrypted with; the account's own for secrets when empty.
    type: str
    default: ""
  tags:
    description: Tags of each secret. C(Name) is added. Other tags are taken away.
    type: dict
    default: {}
  recovery_window_days:
    description: Days in which a deleted secret may be restored, 7 to 30; with 0 it is gone at once.
    type: int
    default: 30
"""

EXAMPLES = r"""
- name: Ensure secrets exist
  generated_secrets:
    names: [rising-stars/production/database, rising-stars/production/jwt]
    rotate: [rising-stars/production/jwt]
"""

RETURN = r"""
arns:
  description: Name to ARN. In check mode, a secret that would be made has no ARN yet.
  returned: when O(state=present)
  type: dict
actions: {description: "What was done, in words, as 'made NAME'.", returned: always, type: list, elements: str}
"""

ALPHABET = string.ascii_letters + string.digits
"""What a database, a URL and a shell take as they are."""

CURRENT, NEXT, LAST = "AWSCURRENT", "NEXT", "LAST"
"""Labels of a secret's versions: AWS' own, and ours for the two steps of a rotation."""

RELABEL = "update_secret_version_stage"
Found = dict[str, Any]


class Secrets:
    """The account's secrets, and what was done to them. In check mode nothing is done, only noted."""

    def __init__(self, module: AnsibleAWSModule) -> None:
        # A name stays taken for a while after its secret went.
        patience = AWSRetry.jittered_backoff(retries=8, catch_extra_error_codes=["InvalidRequestException"])
        self._client = module.client("secretsmanager", retry_decorator=patience)
        self._wanted: dict[str, Any] = module.params
        self._only_checks = bool(module.check_mode)
        self.actions: list[str] = []

    def ensure_present(self, name: str) -> str | None:
        """Make, restore or mend one secret; its ARN, or None where it would only be made."""
        found = self._find(name)
        if found is None:
            made = self._do(
                "made", name, "create_secret", "Name", Tags=self._tags(name), **self._key(), **self._value()
            )
            return str(made["ARN"]) if made else None
        if "DeletedDate" in found:
            self._do("restored", name, "restore_secret")
        self._mend(name, found)
        self._change_value(name, found)
        return str(found["ARN"])

    def _change_value(self, name: str, found: Found) -> None:
        """Take the steps of a rotation that this run asks for."""
        labelled = {label: id_ for id_, labels in found.get("VersionIdsToStages", {}).items() for label in labels}
        if name in self._wanted["prepare"] and NEXT not in labelled:
            self._do("prepared", name, "put_secret_value", VersionStages=[NEXT], **self._value())
        if name in self._wanted["promote"] and NEXT in labelled:
            self._promote(name, labelled)
        if name in self._wanted["rotate"]:
            self._do("rotated", name, "put_secret_value", **self._value())
            self._take_labels(name, labelled, NEXT, LAST)
        if name in self._wanted["retire"] and LAST in labelled:
            self._do("retired the last value of", name, RELABEL, VersionStage=LAST, RemoveFromVersionId=labelled[LAST])

    def _promote(self, name: str, labelled: dict[str, str]) -> None:
        """Make the next value the current one. Broken off anywhere, the same step goes on when it is run again."""
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
        """Delete one secret, for good or so that it may be restored."""
        found, days = self._find(name), self._wanted["recovery_window_days"]
        if found is None or ("DeletedDate" in found and days > 0):
            return
        how = {"RecoveryWindowInDays": days} if days else {"ForceDeleteWithoutRecovery": True}
        self._do("deleted", name, "delete_secret", **how)

    def _find(self, name: str) -> Found | None:
        try:
            return dict(self._client.describe_secret(SecretId=name, aws_retry=True))
        except self._client.exceptions.ResourceNotFoundException:
            return None

    def _mend(self, name: str, found: Found) -> None:
        key = self._wanted["kms_key_id"]
        # AWS tells the key as an ARN or as an id, and leaves its own out.
        if (found.get("KmsKeyId") or "").rpartition("/")[2] != key.rpartition("/")[2]:
            self._do("encrypted anew", name, "update_secret", KmsKeyId=key)
        present = boto3_tag_list_to_ansible_dict(found.get("Tags", []))
        wanted = boto3_tag_list_to_ansible_dict(self._tags(name))
        missing, foreign = compare_aws_tags(present, wanted, purge_tags=True)
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
        tags: list[dict[str, str]] = ansible_dict_to_boto3_tag_list({**self._wanted["tags"], "Name": name})
        return tags

    def _key(self) -> dict[str, str]:
        return {"KmsKeyId": self._wanted["kms_key_id"]} if self._wanted["kms_key_id"] else {}

    def _value(self) -> dict[str, str]:
        return {"SecretString": "".join(secrets.choice(ALPHABET) for _ in range(self._wanted["length"]))}


def main() -> None:
    """Ansible's entry."""
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
    held, names, result = Secrets(module), module.params["names"], {}
    try:
        if module.params["state"] == "present":
            result["arns"] = {name: held.ensure_present(name) for name in names}
        else:
            for name in names:
                held.ensure_absent(name)
    except (BotoCoreError, ClientError) as error:
        module.fail_json_aws(error, msg=f"Secrets Manager refused; done before: {held.actions or 'nothing'}")
    diff = {"before": "", "after": "".join(f"{action}\n" for action in held.actions)}
    module.exit_json(changed=bool(held.actions), actions=held.actions, diff=diff, **result)


if __name__ == "__main__":
    main()
