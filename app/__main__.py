"""The entry point of `python -m app`, the same command line as `rising-stars`."""

from app.cli import main

main()
