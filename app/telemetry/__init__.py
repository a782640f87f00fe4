"""Metrics: the CloudWatch adapter, and the measurements of a machine and its API processes."""
