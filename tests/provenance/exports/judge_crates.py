# SPDX-License-Identifier: Apache-2.0
"""Judge crates with roc-validator, without a network.

Called with a file for the validator's cache and the paths of crates, it
prints what it found as JSON: by crate, severity and issue. The contexts that
the validator would fetch are put into its cache: that of RO-Crate from the
package rocrate, whose terms of 1.3 include those of 1.1.
"""

import importlib.resources
import io
import json
import sys
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from requests_cache import CachedSession
from rocrate_validator.models import Severity, ValidationSettings
from rocrate_validator.services import validate
from urllib3 import HTTPResponse

TERMS = "https://w3id.org/ro/terms/workflow-run"
RUN_TERMS = {
    "@context": {
        name: f"{TERMS}#{name}"
        for name in (
            "ContainerImage", "DockerImage", "SIFImage", "containerImage", "registry", "tag", "environment",
            "resourceUsage", "sha256", "sha512", "md5",
        )
    }
}  # fmt: skip


def warm(cache: str) -> None:
    crate = json.loads((importlib.resources.files("rocrate") / "data" / "ro-crate.jsonld").read_text())
    with CachedSession(cache, backend="sqlite", expire_after=-1) as session:
        for url, text in (("https://w3id.org/ro/crate/1.1/context", crate), (f"{TERMS}/context", RUN_TERMS)):
            answer = answered(url, json.dumps(text).encode())
            session.cache.save_response(answer, session.cache.create_key(answer.request))


def answered(url: str, text: bytes) -> requests.Response:
    """Return the text as an answer from that URL."""
    request = requests.Request("GET", url).prepare()
    headers = {"Content-Type": "application/ld+json"}
    raw = HTTPResponse(io.BytesIO(text), headers, 200, preload_content=False, request_url=url)
    return HTTPAdapter().build_response(request, raw)


def judged(cache: str, crate: Path) -> dict[str, list[str]]:
    settings = ValidationSettings(
        rocrate_uri=str(crate),
        profile_identifier="process-run-crate",
        requirement_severity=Severity.OPTIONAL,
        cache_path=Path(cache),
        offline=True,
    )
    result = validate(settings)
    found: dict[str, list[str]] = {}
    for issue in result.get_issues(Severity.OPTIONAL):
        found.setdefault(issue.severity.name, []).append(f"{issue.check.identifier} {issue.message}")
    return {**found, "checks": sorted(check.identifier for check in result.executed_checks)}


def no_network(event: str, _: tuple[object, ...]) -> None:
    if event in ("socket.connect", "socket.getaddrinfo"):
        raise ConnectionError("a validation touched the network")


if __name__ == "__main__":
    cache, *crates = sys.argv[1:]
    warm(cache)
    sys.addaudithook(no_network)
    print(json.dumps({crate: judged(cache, Path(crate)) for crate in crates}))
