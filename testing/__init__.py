"""Real servers, running sites and generated clips for tests, fault runs, rehearsals and benchmarks, without pytest."""
