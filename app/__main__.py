"""The entry point of `python -m app`, which runs the same command line as `rising-stars`."""

from app.cli import main

main()
