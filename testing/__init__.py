"""Real servers, running sites and generated clips for tests, fault runs, rehearsals and benchmarks.

This package does not use pytest.
"""
