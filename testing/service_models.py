"""Reads botocore's models of AWS services once, for all processes that are forked afterwards."""

import functools
from collections.abc import Iterable
from typing import Any

import boto3
from botocore.loaders import JSONFileLoader


def read_service_models(services: Iterable[str]) -> None:
    """Read the models into a cache that all sessions share. By default, each session has a separate, empty cache."""
    load = functools.cache(JSONFileLoader().load_file)

    def load_file(_loader: JSONFileLoader, path: str) -> Any:
        return load(path)

    setattr(JSONFileLoader, "load_file", load_file)  # noqa: B010  (mypy accepts no assignment to a method)
    session = boto3.session.Session(aws_access_key_id="unused", aws_secret_access_key="unused")
    client: Any = session.client
    for service in services:
        client(service, region_name="us-east-1")
