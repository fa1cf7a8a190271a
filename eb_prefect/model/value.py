# SPDX-License-Identifier: Apache-2.0
"""What all values of the model share: frozen, lean when written, nothing unknown lost."""

from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    SerializerFunctionWrapHandler,
    model_serializer,
)

_EMPTY: tuple[Any, ...] = (None, [], {}, ())


class Value(BaseModel):
    """A frozen value that keeps fields it does not know.

    Dumped, it leaves out what is empty, as the brokers of dialect B do on
    the wire, so two values that mean the same have the same text.
    """

    model_config = ConfigDict(
        frozen=True,
        defer_build=True,  # a program pays for the models that it uses, not for all at import
        extra="allow",
        allow_inf_nan=False,
        ser_json_timedelta="iso8601",
    )

    @model_serializer(mode="wrap")
    def _lean(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        known = type(self).model_fields
        full: dict[str, Any] = handler(self)
        return {key: item for key, item in full.items() if key not in known or item not in _EMPTY}

    def neutral(self) -> dict[str, Any]:
        """Return the value as plain JSON types, in the neutral form."""
        return self.model_dump(mode="json")


def _text(given: Any) -> Any:
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, int | float):
        return str(given)
    return given


def _whole(given: Any) -> Any:
    if isinstance(given, bool):
        raise ValueError("should be a whole number, not true or false")  # noqa: TRY004 -- pydantic takes ValueError
    return given


Text = Annotated[str, BeforeValidator(_text)]
"""A string for which a bare YAML scalar is accepted, as brokers do."""

Whole = Annotated[int, BeforeValidator(_whole)]
"""A whole number; unlike Python's ``int`` no boolean."""
