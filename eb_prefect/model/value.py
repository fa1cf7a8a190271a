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


Text = Annotated[str, BeforeValidator(_text)]
"""A string for which a bare YAML scalar is accepted, as brokers do."""
