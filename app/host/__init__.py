"""How a deployed machine uses AWS: it reads settings and secrets, drains before its termination, and sends reports."""
