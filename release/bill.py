"""The bundle's CycloneDX bill of materials: each wheel's version, licence and checksum."""

import hashlib
from collections.abc import Iterator
from importlib.metadata import PathDistribution
from pathlib import Path
from zipfile import Path as PathInZip

from cyclonedx.factory.license import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.spdx import is_expression, is_supported_id
from packageurl import PackageURL

OWN = "rising-stars"
CLASSIFIER = "License :: OSI Approved :: "
SILENT = {"peewee": "MIT"}
"""Licences of packages whose metadata names no licence, from the LICENSE file in the package's repository."""


def bill_of_materials(wheels: Path) -> str:
    """Return the bill of materials as JSON, without a time or serial number, so that equal wheels give equal bytes."""
    components = {component.name: component for component in map(_component, sorted(wheels.glob("*.whl")))}
    own = components.pop(OWN)
    own.type = ComponentType.APPLICATION
    bill = Bom(components=components.values())
    bill.metadata.component = own
    bill.metadata.timestamp = None  # type: ignore[assignment] # None omits the timestamp
    bill.serial_number = None  # type: ignore[assignment]
    bill.register_dependency(own, components.values())
    return JsonV1Dot6(bill).output_as_string(indent=2) + "\n"


def _component(wheel: Path) -> Component:
    (info,) = [found for found in PathInZip(wheel).iterdir() if found.name.endswith(".dist-info")]
    package = PathDistribution(info)  # this class only reads files, so a path inside a zip file works
    name = package.name.lower().replace("_", "-").replace(".", "-")
    return Component(
        name=name,
        version=package.version,
        type=ComponentType.LIBRARY,
        bom_ref=f"{name}@{package.version}",
        licenses=[LicenseFactory().make_from_string(name) for name in _licences(package)],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=hashlib.sha256(wheel.read_bytes()).hexdigest())],
        purl=None if name == OWN else PackageURL("pypi", name=name, version=package.version),
    )


def _licences(package: PathDistribution) -> Iterator[str]:
    """Yield the package's licences: its licence field if that is valid SPDX, else its licence classifiers.

    Without classifiers, the field is yielded even if it is not valid SPDX.
    """
    fields = package.metadata
    named = [fields[field] for field in ("License-Expression", "License") if field in fields]
    expression = next(iter(named), SILENT.get(package.name, ""))
    classifiers = [each for each in fields.get_all("Classifier", []) if each.startswith(CLASSIFIER)]
    if is_supported_id(expression) or is_expression(expression) or not classifiers:
        yield expression
        return
    yield from (each.removeprefix(CLASSIFIER) for each in classifiers)
