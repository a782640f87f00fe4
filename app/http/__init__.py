"""What the API and the pages share: reading requests, the upload parser, errors, and rate limits."""
