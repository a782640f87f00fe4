"""The background processes: the Huey doorbell, the worker and its render task, the upkeep loop."""
