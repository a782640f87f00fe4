"""The demo: runs a whole site on one machine, from PyPI packages, and demonstrates it with a scripted story."""
