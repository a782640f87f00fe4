"""The benchmarks of `make bench`, the source of the README's figures. They write benchmarks/results/<name>.json."""
