"""Clips as files: probing them and rendering them into branded videos."""
