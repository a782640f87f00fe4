"""The usual implementation of an upload, for comparison: Bottle's form parser, a temporary file, boto3's defaults."""

import os
import sys
import tempfile
import uuid

import boto3
import bottle
import waitress


def create_application() -> bottle.Bottle:
    """Return an application with a route that stores a file, and a readiness route."""
    application = bottle.Bottle()
    s3 = boto3.client("s3")

    @application.get("/ready")  # type: ignore[untyped-decorator]
    def ready() -> str:
        return "ready"

    @application.post("/upload")  # type: ignore[untyped-decorator]
    def upload() -> bottle.HTTPResponse:
        with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
            bottle.request.files["video_file"].save(file)
            file.flush()
            s3.upload_file(file.name, os.environ["S3_BUCKET"], f"usual/{uuid.uuid4()}.mp4")
        return bottle.HTTPResponse({"message": "stored"}, 201)

    return application


if __name__ == "__main__":
    waitress.serve(create_application(), listen=f"127.0.0.1:{sys.argv[1]}", threads=16)
