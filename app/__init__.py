"""Rising Stars: the platform behind a league's talent showcase."""
