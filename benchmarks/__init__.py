"""The benchmarks of `make bench`, the source of README's figures. They write benchmarks/results/<name>.json."""
