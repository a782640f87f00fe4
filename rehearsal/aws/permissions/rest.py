"""The permissions for calls to services whose requests express the operation as a method and a path."""

import re
from collections.abc import Iterator

from rehearsal.aws.permissions.by_name import Needed
from rehearsal.aws.recording import Call

S3 = {
    "GET": "ListAllMyBuckets",
    "GET bucket": "ListBucket",
    "HEAD bucket": "ListBucket",
    "PUT bucket": "CreateBucket",
    "DELETE bucket": "DeleteBucket",
    "GET object": "GetObject",
    "HEAD object": "GetObject",
    "PUT object": "PutObject",
    "DELETE object": "DeleteObject",
    "GET object?tagging": "GetObjectTagging",
    "PUT object?tagging": "PutObjectTagging",
    "GET bucket?location": "GetBucketLocation",
    "GET bucket?versions": "ListBucketVersions",
    "POST bucket?delete": "DeleteObjectVersion",
    "GET bucket?accelerate": "GetAccelerateConfiguration",
    "GET bucket?inventory": "GetInventoryConfiguration",
    "GET bucket?object-lock": "GetBucketObjectLockConfiguration",
}
S3_SETTINGS = {
    "acl": "BucketAcl",
    "cors": "BucketCORS",
    "encryption": "EncryptionConfiguration",
    "lifecycle": "LifecycleConfiguration",
    "ownershipControls": "BucketOwnershipControls",
    "policy": "BucketPolicy",
    "publicAccessBlock": "BucketPublicAccessBlock",
    "requestPayment": "BucketRequestPayment",
    "tagging": "BucketTagging",
    "versioning": "BucketVersioning",
}
"""Bucket subresource → what follows Get or Put in its IAM actions. Deletion requires the Put action."""

ROUTE53 = {
    "GET hostedzone": "ListHostedZones",
    "POST hostedzone": "CreateHostedZone",
    "GET hostedzone/Z": "GetHostedZone",
    "DELETE hostedzone/Z": "DeleteHostedZone",
    "GET hostedzone/Z/rrset": "ListResourceRecordSets",
    "POST hostedzone/Z/rrset": "ChangeResourceRecordSets",
    "POST hostedzone/Z/associatevpc": "AssociateVPCWithHostedZone",
    "GET tags/hostedzone/Z": "ListTagsForResource",
    "POST tags/hostedzone/Z": "ChangeTagsForResource",
}


def needed_by_s3(call: Call) -> Iterator[Needed]:
    method, _, where = call.operation.partition(" ")
    route, _, query = where.partition("?")
    bucket, _, key = route.strip("/").partition("/")
    kind = "object" if key else "bucket" if bucket else ""
    words = [word.partition("=")[0] for word in query.split("&")]
    settings = [S3_SETTINGS[word] for word in words if word in S3_SETTINGS and kind == "bucket"]
    if settings:
        action = ("Get" if method == "GET" else "Put") + settings[0]
    else:
        plain = f"{method} {kind}".strip()
        action = next((S3[f"{plain}?{word}"] for word in words if f"{plain}?{word}" in S3), "") or S3[plain]
    keys = list(call.parameters.values()) or [key]
    for each in keys:
        yield f"s3:{action}", f"arn:aws:s3:::{bucket}/{each}".rstrip("/") if bucket else "*", {}


def needed_by_route53(call: Call) -> Iterator[Needed]:
    method, _, where = call.operation.partition(" ")
    route = where.partition("?")[0].strip("/").partition("/")[2]
    zone = re.search(r"hostedzone/(\w+)", route)
    name = route.replace(zone[1], "Z") if zone else route
    resource = f"arn:aws:route53:::hostedzone/{zone[1]}" if zone else "*"
    yield f"route53:{ROUTE53[f'{method} {name}']}", resource, {}
