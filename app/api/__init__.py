"""The HTTP side: the only place where Bottle exists."""
