"""What the server imports for all Ansible modules. Only the server may import this, because it patches botocore."""

import gc
import importlib
import pkgutil
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from testing.service_models import read_service_models

COLLECTIONS = ("amazon.aws", "community.aws")
SERVICES = ("autoscaling", "cloudwatch", "ec2", "elbv2", "iam", "logs", "rds", "s3", "secretsmanager", "ssm", "sts")
"""The AWS services whose models are loaded in advance."""


class ArchiveFinder:
    """Finds the Python modules that only the archive of the running Ansible module contains, such as the project's own.

    An Ansible module runs from an archive, which is the first entry of sys.path and contains all the packages that the
    module needs. In the preloaded process, the packages are already imported from the interpreter's own installation,
    where Python would search for their modules. This finder makes Python search the archive too.
    """

    @classmethod
    def find_spec(cls, name: str, _path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        package, _, _ = name.rpartition(".")
        if not package.startswith("ansible"):
            return None
        return PathFinder.find_spec(name, [str(Path(sys.path[0], *package.split(".")))], target)


def import_all() -> None:
    """Import what Ansible's modules import, and load the models of the AWS services."""
    for module in ("ansible.modules", "ansible.module_utils._internal._ansiballz._loader"):
        importlib.import_module(module)
    for collection in COLLECTIONS:
        plugins = f"ansible_collections.{collection}.plugins"
        importlib.import_module(f"{plugins}.modules")
        shared = importlib.import_module(f"{plugins}.module_utils")
        for found in pkgutil.walk_packages(shared.__path__, f"{shared.__name__}."):
            importlib.import_module(found.name)
    read_service_models(SERVICES)
    sys.meta_path.append(ArchiveFinder)
    # Exclude the loaded objects from garbage collection. Otherwise, the first collection in each child would write to
    # all of them, and the kernel would copy their memory.
    gc.collect()
    gc.freeze()
