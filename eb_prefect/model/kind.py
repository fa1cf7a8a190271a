# SPDX-License-Identifier: Apache-2.0
"""Kinds: what a component is, as ``<family>/<name>``.

Every dialect writes the kind as a URI with a base of its own, and a third
base is on its way; for the kinds that are known only the last two segments
carry the meaning. A kind that is not known stays as it came.
"""

from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator

OUR_URNS = {
    "executable/program": "urn:eb-prefect:kind/executable/program",
    "executable/jupyter-server": "urn:eb-prefect:kind/executable/jupyter-server",
}
"""The URIs of our own executable kinds, the same in every dialect."""

KNOWN = frozenset(
    {
        "executable/docker-container",
        "executable/singularity-container",
        "executable/jupyter-notebook",
        "executable/program",
        "executable/jupyter-server",
        "compute/simple-compute-resource",
        "volume/simple-volume-mount",
        "storage/simple-storage-resource",
        "data/simple-data-resource",
        "data/S3-data-resource",
        "data/rucio-data-resource",
        "data/ivoa-data-resource",
        "data/skao-data-resource",
        "costs/simple-minmax-float-cost",
        "metrics/simple-minmax-float-metric",
    }
)
"""The kinds that this model has a class for."""

PLACEHOLDERS = frozenset(
    {
        "executable/abstract-executable",
        "compute/abstract-compute-resource",
        "volume/abstract-volume-mount",
        "storage/abstract-storage-resource",
        "data/abstract-data-resource",
        "costs/abstract-cost-item",
        "metrics/abstract-metric-item",
    }
)
"""The kinds of templates, to be replaced before a broker sees them."""


def short_kind(uri: str) -> str:
    """Return ``<family>/<name>`` if that is a known kind or a placeholder, else the URI as it is."""
    family, _, name = uri.rpartition("/")
    family = family.rpartition("/")[2]
    family = "compute" if family == "computer" else family
    short = f"{family}/{name.removesuffix('.yaml').removesuffix('-1.0')}"
    return short if short in KNOWN or short in PLACEHOLDERS else uri


def _short(given: Any) -> Any:
    return short_kind(given) if isinstance(given, str) else given


def by_kind(*known: str, absent: str = "other") -> Discriminator:
    """Return what tells the members of a closed union apart: a known kind, or ``other``.

    ``absent`` is what a part without a kind is: the neutral form may leave
    out the kind of all but the executable.
    """

    def tag(given: Any) -> str:
        kind = given.get("kind") if isinstance(given, dict) else getattr(given, "kind", None)
        if kind is None:
            return absent
        short = short_kind(kind) if isinstance(kind, str) else ""
        return short if short in known else "other"

    return Discriminator(tag)


Short = BeforeValidator(_short)
AnyKind = Annotated[str, Short]
