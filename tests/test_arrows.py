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
    ("eb_prefect.wire", ("eb_prefect.wire", "eb_prefect.model", "eb_prefect.errors")),
    ("eb_prefect.cli", ("eb_prefect",)),
    ("eb_prefect.tasks", ("eb_prefect",)),
    ("eb_prefect.testing", ("eb_prefect",)),
    ("eb_prefect.brokers.protocol", ("eb_prefect.model",)),
    (
        "eb_prefect.brokers",
        (
            "eb_prefect.brokers",
            "eb_prefect.model",
            "eb_prefect.errors",
            "eb_prefect.home",
            "eb_prefect.check",
        ),
    ),
    ("eb_prefect", ("eb_prefect",)),
    ("provenance.cli", ("provenance", "eb_prefect")),
    ("provenance", ("provenance", "eb_prefect")),
    ("flows", ("flows", "provenance", "eb_prefect")),
)

# which modules may import a library; the table is the list of doors
DOORS = {
    "astropy": ("flows",),
    "click": ("eb_prefect.cli", "provenance.cli", "flows.demo", "flows.sources"),
    "httpx": ("eb_prefect.brokers",),
    "jsonpatch": ("eb_prefect.edit",),
    "papermill": ("eb_prefect.brokers.embedded.notebook_runner",),
    "prefect": ("eb_prefect.tasks", "provenance.tasks", "flows"),
    "prov": ("provenance.w3c",),
    "rfc8785": ("provenance.canonical",),
    "rich": ("provenance.cli", "flows.demo"),
    "sep": ("flows",),
    "sqlalchemy": ("provenance.lineage", "provenance.schema", "provenance.store", "provenance.database"),
    "yaml": ("eb_prefect.wire", "eb_prefect.edit"),
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
