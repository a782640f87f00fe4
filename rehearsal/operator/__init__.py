"""The operator of a site: playbooks, inventory, release, and the permissions of the operator policies."""
