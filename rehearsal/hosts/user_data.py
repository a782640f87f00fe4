"""Render user data as the playbooks do (playbooks/vars/site.yml), with a test's settings."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar

from rehearsal.hosts.bundles import ROOT


def render_user_data(kind: str, settings: Mapping[str, Any]) -> str:
    """Evaluate `site_<kind>_user_data` of playbooks/vars/site.yml; `settings` are its input variables."""
    loader = file_loader()
    site = loader.load_from_file(str(ROOT / "playbooks" / "vars" / "site.yml"), trusted_as_template=True)
    variables = {**site, "playbook_dir": str(ROOT / "playbooks"), **settings}
    return str(Templar(loader, variables=variables).template(site[f"site_{kind}_user_data"]))


@cache
def file_loader() -> DataLoader:
    """Return Ansible's file loader. A process may initialize Ansible's plugin loader only once."""
    init_plugin_loader()
    return DataLoader()
