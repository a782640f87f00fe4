"""Containers with systemd that stand in for EC2 instances, and what such a host depends on."""
