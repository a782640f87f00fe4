"""On a host, a release bundle installs without a network, and files that differ from its manifest are detected."""

from collections.abc import Iterator

import pytest

from rehearsal.hosts.bundles import Bundle
from rehearsal.hosts.host import Host
from rehearsal.hosts.podman import require_podman

pytestmark = [pytest.mark.timeout(600), pytest.mark.long]

HOME = "/opt/rising-stars/bundles/offline"

PLAY = """\
- hosts: localhost
  gather_facts: false
  roles:
    - role: host_release
      vars:
        host_release_state: installed
        host_release_bundle: {home}
"""


def test_damaged_files_of_a_bundle_are_detected(offline: Host) -> None:
    offline.output(f"cp -r {HOME} {HOME}-spoilt && echo >> {HOME}-spoilt/roles/host_release/tasks/main.yml")
    ran = offline.run(f"{HOME}-spoilt/release/become web")
    assert ran.exit_code == 70
    assert "roles/host_release/tasks/main.yml is not what the manifest says" in ran.output


def test_a_release_installs_without_any_network(offline: Host, bundle: Bundle) -> None:
    offline.write(f"{HOME}/offline.yml", PLAY.format(home=HOME))
    install = "import runpy; runpy.run_path('release/become')['install_ansible']()"
    play = "ANSIBLE_CONFIG=release/ansible.cfg LC_ALL=C.UTF-8 ansible/bin/ansible-playbook"
    offline.output(f'cd {HOME} && python3 -c "{install}"')
    offline.output(f"cd {HOME} && {play} --inventory localhost, --connection local offline.yml")
    assert offline.output("readlink /opt/rising-stars/current") == f"releases/{bundle.version}"
    assert "Operate a Rising Stars site" in offline.output("/opt/rising-stars/current/bin/rising-stars --help")


@pytest.fixture(scope="module")
def offline(bundle: Bundle) -> Iterator[Host]:
    """A host without a network, with the bundle on its disk."""
    require_podman()
    with Host(mounts={"/srv/bundle.tar.gz": bundle.path}) as host:
        host.output(f"mkdir -p {HOME} && tar -xf /srv/bundle.tar.gz -C {HOME} --no-same-owner")
        yield host
