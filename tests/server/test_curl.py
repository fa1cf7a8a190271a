# SPDX-License-Identifier: Apache-2.0
"""A step with nothing but curl, in B2 and in A."""

import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not shutil.which("curl"), reason="it is about curl")

B2 = """
cat > request.yaml <<'END'
executable:
  kind: urn:eb-prefect:kind/executable/program
  command: [sh, -c, "seq 3 > /output/numbers.txt; echo counted"]
compute:
  kind: https://www.purl.org/ivoa.net/Calycopis-openapi/schema/v1.0/kinds/compute/simple-compute-resource.yaml
  volumes:
    - kind: https://www.purl.org/ivoa.net/Calycopis-openapi/schema/v1.0/kinds/volume/simple-volume-mount.yaml
      path: /output
      mode: READWRITE
      resource: products
storage:
  - kind: https://www.purl.org/ivoa.net/Calycopis-openapi/schema/v1.0/kinds/storage/simple-storage-resource.yaml
    meta: {name: products}
END
curl -s -H 'Content-Type: application/yaml' --data-binary @request.yaml $url/requests > offers.json
session=$(sed -n 's|.*"url": "\\(.*/sessions/[^"]*\\)".*|\\1|p' offers.json | head -n 1)
curl -s --json '{"kind": "uri:enum-value-update", "path": "phase", "value": "ACCEPTED"}' $session > /dev/null
until curl -s $session | grep -E '^  "phase": "(COMPLETED|FAILED|CANCELLED)"'; do sleep 0.2; done
curl -s $session/docker/stdout-get
curl -s -O $session/products/output/numbers.txt
"""

A = """
cat > request.yaml <<'END'
name: count
executable:
  type: urn:eb-prefect:kind/executable/program
  command: [sh, -c, "seq 3 > /output/numbers.txt; echo counted"]
compute:
  type: https://www.purl.org/ivoa.net/EB/schema/types/compute/simple-compute-resource-1.0
  volumes: [output]
volumes:
  - type: https://www.purl.org/ivoa.net/EB/schema/types/volume/simple-volume-mount-1.0
    name: output
    path: /output
    mode: READWRITE
    resources: [products]
storage:
  - type: https://www.purl.org/ivoa.net/EB/schema/types/storage/simple-storage-resource-1.0
    name: products
END
curl -s -H 'Content-Type: application/yaml' --data-binary @request.yaml $url/A/offersets > offers.json
session=$(sed -n 's|.*"href": "\\(.*/sessions/[^"]*\\)".*|\\1|p' offers.json | head -n 1)
curl -s --json '{"update": {"type": "uri:enum-value-update", "path": "phase", "value": "ACCEPTED"}}' $session > /dev/null
until curl -s $session | grep -E '^  "phase": "(COMPLETED|FAILED|CANCELLED)"'; do sleep 0.2; done
curl -s $session/docker/stdout-get
curl -s -O $session/products/output/numbers.txt
"""  # noqa: E501 -- as a person types it


@pytest.mark.parametrize("script", [B2, A], ids=["B2", "A"])
def test_curl_is_enough(root: str, tmp_path: Path, script: str) -> None:
    told = bash(f"url={root}{script}", tmp_path)
    assert told == '  "phase": "COMPLETED",\ncounted\n'
    assert (tmp_path / "numbers.txt").read_text() == "1\n2\n3\n"


def test_curl_that_follows_the_redirect_reads_the_offer_set(root: str, tmp_path: Path) -> None:
    bash(f"url={root}{B2.partition('curl')[0]}", tmp_path)
    send = "curl -s -L -H 'Content-Type: application/yaml' --data-binary @request.yaml"
    assert '"result": "YES"' in bash(f"{send} {root}/requests", tmp_path)


def test_a_file_too_large_ends_curl_at_once(root: str, tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as large:
        large.truncate(1 << 30)
    send = "curl -s -w '%{http_code} %{size_upload}' -o /dev/null -H 'Content-Type: text/yaml' -T large"
    status, sent = bash(f"{send} -X POST {root}/requests", tmp_path).split()
    assert (status, int(sent) < 1 << 20) == ("413", True)


def bash(script: str, folder: Path) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
