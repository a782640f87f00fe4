"""Fuzzing with hostile requests and mutated clips, generated from a seed."""
