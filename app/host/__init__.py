"""How a deployed machine uses AWS: it reads its settings and secrets, drains before termination, and sends reports."""
