# SPDX-License-Identifier: Apache-2.0
"""Forms on Prefect's pages."""

from typing import Any


class PlainForm:
    """A block in whose form what may be left out is an empty field.

    Prefect's pages show an optional field as a choice between a type and
    ``None`` otherwise.
    """

    @classmethod
    def model_json_schema(cls, *args: Any, **options: Any) -> dict[str, Any]:
        """Return the form; see `prefect.blocks.core.Block`."""
        form: dict[str, Any] = super().model_json_schema(*args, **options)  # type: ignore[misc]  # of a block
        form["properties"] = {name: plain(field) for name, field in form["properties"].items()}
        return form


def plain(field: dict[str, Any]) -> dict[str, Any]:
    """Return a field that may be left out as one of its type."""
    if "anyOf" not in field:
        return field
    given: dict[str, Any] = next(each for each in field["anyOf"] if each.get("type") != "null")
    return given | {key: value for key, value in field.items() if key not in {"anyOf", "default"}}
