"""`python -m app` is `rising-stars`."""

from app.cli import main

main()
