# SPDX-License-Identifier: Apache-2.0
"""The server's own application, with the environment that Apache would give it."""

from collections.abc import Callable, Iterable
from typing import Any

from pandaserver.server.panda import application as panda


def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """Answer; all of the path is the script's name, as with Apache's WSGIScriptAlias for each method."""
    environ["SCRIPT_NAME"], environ["PATH_INFO"] = environ["PATH_INFO"], ""
    environ["CONTENT_LENGTH"] = environ.get("CONTENT_LENGTH") or "0"
    return panda(environ, start)
