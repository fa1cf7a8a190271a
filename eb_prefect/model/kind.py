# SPDX-License-Identifier: Apache-2.0
"""Kinds: what a component is, as ``<family>/<name>``.

Every dialect writes the kind as a URI with a base of its own, and a third
base is on its way; only the last two segments carry the meaning.
"""

from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator

FAMILIES = frozenset({"executable", "compute", "volume", "storage", "data", "costs", "metrics"})


def short_kind(uri: str) -> str:
    """Return ``<family>/<name>`` of a kind's URI; a URI of no known family as it is."""
    family, _, name = uri.rpartition("/")
    family = family.rpartition("/")[2]
    family = "compute" if family == "computer" else family
    name = name.removesuffix(".yaml").removesuffix("-1.0")
    return f"{family}/{name}" if family in FAMILIES else uri


def _short(given: Any) -> Any:
    return short_kind(given) if isinstance(given, str) else given


def by_kind(*known: str) -> Discriminator:
    """Return what tells the members of a closed union apart: a known kind, or ``other``."""

    def tag(given: Any) -> str:
        kind = given.get("kind") if isinstance(given, dict) else getattr(given, "kind", None)
        short = short_kind(kind) if isinstance(kind, str) else ""
        return short if short in known else "other"

    return Discriminator(tag)


Short = BeforeValidator(_short)
AnyKind = Annotated[str, Short]
