"""What a deployed machine needs of AWS: its settings and secrets, notice of its end, a place to report."""
