"""The operator of a site: runs playbooks, and compares the calls with the permissions of the operator policies."""
