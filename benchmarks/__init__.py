"""What README's figures come from: `make bench`. Results go to benchmarks/results/<name>.json."""
