"""Mock AWS: moto, corrected where it differs from AWS, with a record of every call."""
