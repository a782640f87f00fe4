"""The platform on one machine: a whole site from PyPI packages, and a story that demonstrates it."""
