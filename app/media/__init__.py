"""Clips as files: probing them and turning them into branded ones."""
