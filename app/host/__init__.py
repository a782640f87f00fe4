"""How a deployed machine uses AWS: it reads settings and secrets, watches for its termination, and reports its boot and metrics."""
