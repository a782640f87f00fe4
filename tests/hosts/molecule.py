"""A pytest plugin for molecule's verifier: testinfra's `host` is the scenario's container."""

import os
from pathlib import Path

import pytest

pytest_plugins = ["tests.hosts.real_parts"]


def pytest_configure(config: pytest.Config) -> None:
    """Connect testinfra to the container directly, because each command through Ansible would take a second."""
    role = Path(os.environ["MOLECULE_PROJECT_DIRECTORY"]).name
    config.option.hosts = f"podman://{role}-{os.environ['MOLECULE_SCENARIO_NAME']}"
    config.option.ansible_inventory = None
