"""The platform on one machine: a whole site from PyPI packages, and the story that shows it."""
