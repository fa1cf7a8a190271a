# SPDX-License-Identifier: Apache-2.0
import subprocess
from pathlib import Path

from eb_prefect.brokers.embedded.supervisor.digests import digest_tree


def test_a_directory_has_the_digest_of_the_manifest_that_sha256sum_writes(tmp_path: Path) -> None:
    root = tmp_path / "d"
    for name in ("a", "a-b/x", "a.txt", "sub/deep/one", "line\nbreak", "back\\slash"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / (f"{name}/y" if name == "a" else name)).parent.mkdir(parents=True, exist_ok=True)
        (root / (f"{name}/y" if name == "a" else name)).write_text(name)
    (root / "link").symlink_to("a")
    program = r"find . -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum"
    said = subprocess.run(program, shell=True, cwd=root, capture_output=True, text=True, check=True).stdout
    tree = digest_tree(str(root))
    assert tree is not None
    assert tree.sha256 == said.split()[0]
    assert digest_tree(str(root), limit=3) is None
