# SPDX-License-Identifier: Apache-2.0
"""The imports of the house: which way they run, and one door a library."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("eb_prefect", "provenance", "flows")

# what a module may import of ours: the first prefix that fits says it
MAY = (
    ("eb_prefect.model", ("eb_prefect.model",)),
    ("eb_prefect.errors", ()),
    ("eb_prefect.home", ()),
    ("eb_prefect.pace", ()),
    ("eb_prefect.durable", ()),
    ("eb_prefect.aside", ("eb_prefect.at_end",)),
    ("eb_prefect.at_end", ()),
    ("eb_prefect.settings", ()),
    ("eb_prefect.wire", ("eb_prefect.wire", "eb_prefect.model", "eb_prefect.errors")),
    ("eb_prefect.cli", ("eb_prefect",)),
    ("eb_prefect.tasks", ("eb_prefect",)),
    (
        "eb_prefect.blocks",
        ("eb_prefect.blocks", "eb_prefect.brokers", "eb_prefect.choice", "eb_prefect.errors"),
    ),
    ("eb_prefect.testing", ("eb_prefect",)),
    ("eb_prefect.brokers.protocol", ("eb_prefect.model",)),
    (
        "eb_prefect.choice",
        (
            "eb_prefect.choice",
            "eb_prefect.brokers.protocol",
            "eb_prefect.model",
            "eb_prefect.errors",
            "eb_prefect.offers",
        ),
    ),
    (
        "eb_prefect.brokers.several",
        (
            "eb_prefect.brokers.protocol",
            "eb_prefect.choice",
            "eb_prefect.model",
            "eb_prefect.errors",
            "eb_prefect.pace",
        ),
    ),
    (
        "eb_prefect.brokers.named",
        (
            "eb_prefect.blocks",
            "eb_prefect.brokers",
            "eb_prefect.choice.candidate",
            "eb_prefect.choice.nearness",
            "eb_prefect.errors",
            "eb_prefect.wire.dialect",
        ),
    ),
    (
        "eb_prefect.brokers",
        (
            "eb_prefect.brokers",
            "eb_prefect.model",
            "eb_prefect.errors",
            "eb_prefect.home",
            "eb_prefect.pace",
            "eb_prefect.durable",
            "eb_prefect.check",
            "eb_prefect.wire",
        ),
    ),
    ("eb_prefect", ("eb_prefect",)),
    ("provenance.cli", ("provenance", "eb_prefect")),
    ("provenance", ("provenance", "eb_prefect")),
    ("flows", ("flows", "provenance", "eb_prefect")),
)

_SSH = ("ssh", "ssh_command", "ssh_files", "ssh_line", "ssh_opening")

# which modules may import a library; the table is the list of doors
DOORS = {
    "aiohttp": ("provenance.products.remote_source",),
    "astropy": ("flows",),
    "asyncssh": tuple(f"eb_prefect.brokers.batch.{name}" for name in _SSH),
    "caom2": ("provenance.exports.caom",),
    "click": ("eb_prefect.cli", "provenance.cli", "flows.demo", "flows.sources"),
    "cryptography": ("provenance.signing.ed25519",),
    "h5py": tuple(f"provenance.products.hdf5_{name}" for name in ("data", "header", "plan", "read")),
    "fsspec": ("provenance.products.remote_source",),
    "httpcore": ("eb_prefect.brokers.http",),
    "httpx": (
        "eb_prefect.blocks",
        "eb_prefect.brokers",
        "eb_prefect.prefect_server",
        "eb_prefect.runs.notes",
        "eb_prefect.worker.cancelling",
    ),
    "starlette": ("eb_prefect.server",),
    "uvicorn": ("eb_prefect.server", "flows.server"),
    "jsonpatch": ("eb_prefect.edit",),
    "jupyter_server": ("eb_prefect.brokers.embedded.jupyter_runner",),
    "jupyterlab": ("eb_prefect.brokers.embedded.jupyter_runner",),
    "lxml": ("provenance.documents", "provenance.exports.prov_text"),
    "papermill": ("eb_prefect.brokers.embedded.notebook_runner",),
    "prefect": (
        "eb_prefect.artifacts",
        "eb_prefect.automations",
        "eb_prefect.blocks",
        "eb_prefect.collection",
        "eb_prefect.hooks",
        "eb_prefect.part_tasks",
        "eb_prefect.prefect_server",
        "eb_prefect.runs",
        "eb_prefect.settings",
        "eb_prefect.tasks",
        "eb_prefect.worker",
        "provenance.blocks",
        "provenance.tasks",
        "flows",
    ),
    "prov": (
        "provenance.w3c",
        "provenance.constraints",
        "provenance.documents",
        "provenance.exports",
        "provenance.cli.validate",
    ),
    "htcondor2": ("eb_prefect.brokers.condor.library",),
    "psij": ("eb_prefect.brokers.psij.library",),
    "rfc8785": ("provenance.canonical",),
    "rdflib": ("provenance.exports.prov_text",),
    "rich": ("provenance.cli", "flows.demo"),
    "rocrate": ("provenance.exports.ro_crate",),
    "sep": ("flows",),
    "sqlalchemy": (
        "provenance.indexing",
        "provenance.lineage",
        "provenance.schema",
        "provenance.store",
        "provenance.database",
        "provenance.postgresql",
        "provenance.sqlite",
    ),
    "tornado": ("eb_prefect.brokers.embedded.jupyter_runner",),
    "traitlets": ("eb_prefect.brokers.embedded.jupyter_runner",),
    "yaml": (
        "eb_prefect.wire",
        "eb_prefect.edit",
        "provenance.products.yaml_text",
        "provenance.products.asdf_tree",
        "provenance.products.ecsv_header",
    ),
}


def modules() -> list[tuple[str, Path]]:
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return [(".".join(path.relative_to(ROOT).with_suffix("").parts), path) for path in sorted(paths)]


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield ".".join([*_above(path, node.level), *([node.module] if node.module else [])])


def _above(path: Path, level: int) -> tuple[str, ...]:
    """Return the package a relative import starts from; only the supervisor, which runs alone, has them."""
    return path.relative_to(ROOT).parts[:-level] if level else ()


def under(name: str, prefixes: tuple[str, ...]) -> bool:
    return any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes)


@pytest.mark.parametrize(
    ("name", "path"), modules(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_imports_run_one_way(name: str, path: Path) -> None:
    may = next(allowed for prefix, allowed in MAY if under(name, (prefix,)))
    ours = {found for found in imports(path) if under(found, PACKAGES)}
    assert {found for found in ours if not under(found, may)} == set()


@pytest.mark.parametrize("library", DOORS)
def test_each_library_has_its_door(library: str) -> None:
    users = {name for name, path in modules() if any(under(found, (library,)) for found in imports(path))}
    assert {name for name in users if not under(name, DOORS[library])} == set()


def test_nothing_imports_in_a_circle() -> None:
    graph = {name: {found for found in imports(path) if under(found, PACKAGES)} for name, path in modules()}
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " -> ".join([*above, name])
        if name not in done:
            for below in graph.get(name, ()):
                visit(below, (*above, name))
            done.add(name)

    for name in graph:
        visit(name, ())
