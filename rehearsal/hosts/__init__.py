"""Test hosts: containers with systemd in place of EC2 instances, and the services that the hosts depend on."""
