# SPDX-License-Identifier: Apache-2.0
"""What a Prefect server tells of runs and artifacts, and where its pages are."""

import json
import time
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Server:
    """One server, by the environment of its clients."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._api = environment["PREFECT_API_URL"]
        self.site = self._api.removesuffix("/api")

    def all(self, what: str, **filters: Any) -> list[dict[str, Any]]:
        """Return what the filters let through."""
        request = urllib.request.Request(
            f"{self._api}/{what}/filter", json.dumps(filters).encode(), {"Content-Type": "application/json"}
        )
        with _direct.open(request, timeout=60) as answer:
            found: list[dict[str, Any]] = json.load(answer)
        return found

    def artifacts(self, flow_run: str) -> dict[str, dict[str, Any]]:
        """Return the artifacts of a flow run by key."""
        found = self.all("artifacts", flow_runs={"id": {"any_": [flow_run]}})
        return {each["key"]: each for each in found}

    def page(self, path: str, ui: str = "v2") -> str:
        """Return where a page is, in the new UI (``v2``) or in the old one (``v1``)."""
        return f"{self.site}/v2/{path}" if ui == "v2" else f"{self.site}/{path}"


def wait_for(found: Callable[[], T | None], what: str, seconds: float = 120.0) -> T:
    """Return what is found once it is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if (value := found()) is not None:
            return value
        time.sleep(0.2)
    raise TimeoutError(what)
