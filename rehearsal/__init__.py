"""The whole site on one machine: mock AWS, containers as its machines, and scenarios from build to destruction."""
