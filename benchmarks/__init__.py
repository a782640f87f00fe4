"""The benchmarks of `make bench`, which README's figures come from. Results go to benchmarks/results/<name>.json."""
