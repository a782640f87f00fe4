"""What tests, fault runs, rehearsals and benchmarks share: real servers, running sites, made clips. No pytest."""
