"""Mock AWS: moto with patches for the AWS behaviour that moto lacks, and with a record of every call."""
