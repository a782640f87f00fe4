"""The pages: what players and voters see in a browser. They use the same rules as the API."""
