# SPDX-License-Identifier: Apache-2.0
"""What a supervisor is to do, as its broker decided when it made the offer."""

from .text import dumps, scan

PLAN = "plan.json"
EXECUTABLE = ""
"""The resource that an item is which is no data but what is run."""


class Item:
    """A resource to make ready.

    ``location`` is a path, or a URL where ``is_remote``. ``path`` is where a
    copy goes; ``may_stay`` if none is needed where mounts work. ``checksums``
    are pairs of type and value, all to be verified.
    """

    def __init__(self, given: dict[str, object]) -> None:
        self.resource = str(given["resource"])
        self.location = str(given["location"])
        self.path = str(given["path"])
        self.is_remote = bool(given["is_remote"])
        self.may_stay = bool(given["may_stay"])
        self.is_read_only = bool(given["is_read_only"])
        self.checksums: list[list[str]] = given["checksums"]  # type: ignore[assignment]  # as the broker wrote it


class Plan:
    """The plan of one session; plain values only.

    ``memory`` and ``gibibytes`` (of the machine) are in GiB, ``duration`` in
    seconds, ``start`` and ``until`` are instants of the epoch; 0 is no limit.
    ``directories`` are made first. ``stage`` has the resources to make ready,
    ``links`` (point, source) what is seen inside a volume's directory,
    ``binds`` (source, target, ro or rw) where all is seen, ``writable`` the
    volumes whose files are products. See `eb_prefect.brokers.embedded.volumes`.
    ``inherits`` is what of a batch system's environment the program gets too:
    ``all`` of it, or ``its-own``.
    """

    def __init__(self, text: str) -> None:
        given = scan(text, 0)[0]
        self.session: str = given["session"]
        self.directory: str = given["directory"]
        self.home: str = given["home"]
        self.pool: str = given["pool"]
        self.cores: int = given["cores"]
        self.memory: int = given["memory"]
        self.has_asked_memory: bool = given["has_asked_memory"]
        self.cpus: list[int] = given["cpus"]
        self.gibibytes: int = given["gibibytes"]
        self.duration: float = given["duration"]
        self.start: float = given["start"]
        self.until: float = given["until"]
        self.may_mount: bool = given["may_mount"]
        self.inherits: str = given.get("inherits", "")
        self.directories: list[str] = given["directories"]
        self.stage = [Item(item) for item in given["stage"]]
        self.links: list[list[str]] = given["links"]
        self.binds: list[list[str]] = given["binds"]
        self.writable: list[dict[str, str]] = given["writable"]
        launch = given["launch"]
        self.argv: list[str] = launch["argv"]
        self.environment: dict[str, str] = launch["environment"]
        self.uses_mounts: bool = launch["uses_mounts"]
        self.must_mount = launch.get("binds") is not None
        self.files: dict[str, str] = launch["files"]
        self.prepare: list[list[str]] = launch["prepare"]
        self.failures: dict[str, str] = launch["failures"]
        self.counts: str = launch["counts"]
        self.keep: dict[str, str] = launch["keep"]
        self.cleanup: list[list[str]] = launch["cleanup"]
        self.serves: dict[str, str] | None = launch.get("serves")

    @property
    def limit(self) -> int:
        """How much memory the session may have, in bytes."""
        return self.memory << 30


def plan_text(given: dict[str, object]) -> str:
    """Return the text of a plan; its keys are the attributes of `Plan`, with ``launch`` as a part."""
    return dumps(given)
