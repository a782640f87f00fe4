"""The worker side: the Huey doorbell, the render task and the upkeep loop."""
