# SPDX-License-Identifier: Apache-2.0
"""An image with this Python, Prefect and the packages of this project, made without a network.

All is in it where it is here, so that nothing has to be installed again.
"""

import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement

from tests.containers import Images

ROOT = Path(__file__).parents[2]
LEFT_OUT = {
    "__pycache__",
    "site-packages",
    "dist-packages",
    "test",
    "idlelib",
    "ui",
    "ui_build",
    "ui_v2_build",
}
FLOW = Path(__file__).with_name("contained.py")


def build(images: Images, work: Path) -> str:
    """Put the image into the registry of the others; return its name with its digest."""
    name = f"{images.plain.locations[0].partition('/')[0]}/eb/prefect:1"
    tree, digest = _tree(work), work / "digest"
    _podman("import", "--quiet", "--change", "ENV PATH=/bin", tree, name)
    _podman("push", "--quiet", "--tls-verify=false", "--digestfile", digest, name)
    _podman("rmi", "--force", name)
    return f"{name.rpartition(':')[0]}@{digest.read_text()}"


def _podman(*words: object) -> None:
    subprocess.run(["podman", *map(str, words)], check=True, stdout=subprocess.PIPE)


def _tree(work: Path) -> Path:
    """Return an archive of what the plain image has and all that Python needs."""
    tree, names = work / "tree.tar", work / "names"
    tree.write_bytes((Path(os.environ["CONTAINERS_CONF"]).parent / "root.tar").read_bytes())
    files = {*_python(), *_packages(), *_ours()}
    names.write_text("".join(f"{path}\n" for path in sorted({*files, *_libraries(files)})))
    given = ["--append", "--dereference", "--absolute-names", f"--files-from={names}"]
    subprocess.run(["tar", f"--file={tree}", *given], check=True)
    return tree


def _python() -> Iterator[Path]:
    yield from (Path(sys.executable), Path(sys.executable).resolve())
    if (configuration := Path(sys.prefix) / "pyvenv.cfg").exists():
        yield configuration
    yield from _below(Path(sysconfig.get_path("stdlib")))


def _packages() -> Iterator[Path]:
    """What Prefect and this project need, and no extras."""
    for found in _needed("eb-prefect", {}).values():
        files = (file for file in found.files or () if LEFT_OUT.isdisjoint(file.parts))
        paths = (Path(str(found.locate_file(file))) for file in files)
        yield from (path for path in paths if path.exists())


def _needed(name: str, known: dict[str, Distribution]) -> dict[str, Distribution]:
    name = re.sub(r"[-_.]+", "-", name).lower()
    if name not in known:
        known[name] = distribution(name)
        for line in known[name].requires or ():
            wanted = Requirement(line)
            if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
                _needed(wanted.name, known)
    return known


def _ours() -> Iterator[Path]:
    for name in ("eb_prefect", "provenance", "flows"):
        yield from _below(ROOT / name)
    yield FLOW


def _below(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_dir() and path.name not in LEFT_OUT:
            yield from _below(path)
        elif path.is_file() and path.suffix != ".a":
            yield path


def _libraries(files: Iterable[Path]) -> Iterator[Path]:
    """The shared libraries of the machine that programs and libraries among the files are linked with."""
    linked = [str(path) for path in files if ".so" in path.suffixes or path.name.startswith("python")]
    told = subprocess.run(
        ["ldd", *linked], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False
    )
    yield from map(Path, re.findall(r"(?:=> |^\t)(/\S+)", told.stdout, re.MULTILINE))
