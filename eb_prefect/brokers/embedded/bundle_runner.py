# SPDX-License-Identifier: Apache-2.0
"""Makes a bundle of an unpacked image that only has to be started: a script that runs alone.

It is given a JSON file that `bundle` writes, on the machine where the
container will run, after `image_runner`.
"""

import json
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

_LINKS = 40
_CAPABILITIES = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_NET_BIND_SERVICE",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
)
_NETWORK = ("/etc/hosts", "/etc/resolv.conf")
_Json = dict[str, Any]


class Trouble(Exception):  # noqa: N818 - what it is
    """Why there is no bundle."""


class Asked:
    """What is to run: an image, and what the request says of the program in it."""

    def __init__(self, path: str) -> None:
        given = json.loads(Path(path).read_text())
        self.kept = Path(given["kept"])
        self.bundle = Path(given["bundle"])
        self.runtime: str = given["runtime"]
        self.entrypoint: list[str] = given["entrypoint"]
        self.command: list[str] = given["command"]
        self.environment: dict[str, str] = given["environment"]
        self.binds: list[list[str]] = given["binds"]

    @property
    def keeps_owners(self) -> bool:
        """Whether files and processes of the image can be those of other users."""
        return os.geteuid() == 0 and Path(self.runtime).name != "ch-run"

    @property
    def start(self) -> Path:
        """The shell script that becomes the program by charliecloud."""
        return self.bundle / "start.sh"

    @property
    def root(self) -> Path:
        """The root directory of the container."""
        return self.bundle / "rootfs"


def make(asked: Asked) -> None:
    """Leave a bundle that only has to be started."""
    program = _program(_configuration(asked.kept), asked)
    _check(program, asked)
    for source, target, _ in asked.binds:
        _make_point(asked.root, target, is_directory=Path(source).is_dir())
    asked.start.write_text(_start(program, asked))
    config = asked.bundle / "config.json"
    config.write_text(json.dumps(_adapted(json.loads(config.read_text()), program, asked)))


def _configuration(kept: Path) -> _Json:
    """Return what the image says of the program in it."""
    index = json.loads((kept / "index.json").read_text())
    manifest = _blob(kept, index["manifests"][0]["digest"])
    return _blob(kept, manifest["config"]["digest"]).get("config") or {}


def _blob(kept: Path, digest: str) -> _Json:
    found: _Json = json.loads((kept / "blobs" / digest.replace(":", "/")).read_text())
    return found


def _program(image: _Json, asked: Asked) -> _Json:
    if asked.entrypoint:
        args = [*asked.entrypoint, *asked.command]
    else:
        args = [*(image.get("Entrypoint") or []), *(asked.command or image.get("Cmd") or [])]
    environment = dict(word.partition("=")[::2] for word in image.get("Env") or [])
    return {
        "args": args,
        "env": [f"{name}={text}" for name, text in {**_PLAIN, **environment, **asked.environment}.items()],
        "cwd": image.get("WorkingDir") or "/",
        "user": _user(image.get("User") or "", asked.root),
    }


_PLAIN = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}


def _user(text: str, root: Path) -> tuple[int, int]:
    """Return the numbers of the image's user and group, which may be names of the image's own."""
    user, _, group = text.partition(":")
    found = _entry(root / "etc/passwd", user) if user else []
    uid = int(found[2]) if found else int(user or 0) if (user or "0").isdigit() else _unknown(user)
    if not group:
        return uid, int(found[3]) if found else 0
    named = _entry(root / "etc/group", group)
    return uid, int(named[2]) if named else int(group) if group.isdigit() else _unknown(group)


def _entry(file: Path, name: str) -> list[str]:
    lines = file.read_text(errors="replace").splitlines() if file.is_file() else []
    entries = (line.split(":") for line in lines if line.count(":") >= 3)
    return next((entry for entry in entries if name in (entry[0], entry[2])), [])


def _unknown(name: str) -> int:
    raise Trouble(f"the image is to run as {name!r}, whom it does not know")


def _check(program: _Json, asked: Asked) -> None:
    """See that there is something to start; to a runtime that is an exit code like any other."""
    if not program["args"]:
        raise Trouble("the request has no command, and the image has none")
    name = program["args"][0]
    path = dict(word.split("=", 1) for word in program["env"])["PATH"]
    places = [name] if "/" in name else [f"{directory}/{name}" for directory in path.split(":")]
    places = [place if place.startswith("/") else f"{program['cwd']}/{place}" for place in places]
    if any(_is_bound(place, asked) or _is_program(_inside(asked.root, place)) for place in places):
        return
    raise Trouble(f"the container could not start: its command {name!r} was not found in the image")


def _is_bound(place: str, asked: Asked) -> bool:
    return any(place == target or place.startswith(f"{target}/") for _, target, _ in asked.binds)


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _inside(root: Path, place: str) -> Path:
    """Return where a path of the container is on this machine, its links followed as in the container."""
    left, found = place.split("/"), root
    for _ in range(_LINKS):
        while left:
            name, *left = left
            found = _above(found, root) if name == ".." else found / name if name not in ("", ".") else found
            if found.is_symlink():
                break
        else:
            return found
        text = os.readlink(found)  # noqa: PTH115 - text, no path
        left = [*text.split("/"), *left]
        found = root if text.startswith("/") else found.parent
    raise Trouble(f"{place} is a circle of links in the image")


def _above(path: Path, root: Path) -> Path:
    return path if path == root else path.parent


def _make_point(root: Path, target: str, *, is_directory: bool) -> None:
    """Make a mount point for a volume; a link on its way would lead out of the container."""
    point = root / target.lstrip("/")
    if _inside(root, target) != point:
        raise Trouble(f"the volume {target} is behind a symbolic link of the image; use the path it leads to")
    if not point.exists():
        point.parent.mkdir(parents=True, exist_ok=True)
        if is_directory:
            point.mkdir()
        else:
            point.touch()


def _adapted(config: _Json, program: _Json, asked: Asked) -> _Json:
    """Return the bundle's configuration with the program in it, and nothing that needs rights."""
    user, group = program["user"]
    process, linux = config["process"], config["linux"]
    for key in ("rlimits", "apparmorProfile"):
        process.pop(key, None)
    process.update(terminal=False, args=program["args"], env=program["env"], cwd=program["cwd"])
    if not asked.keeps_owners:
        user = group = 0  # the only one who is more than nobody, and this very user outside
    process["user"] = {"uid": user, "gid": group}
    process["capabilities"] = _capabilities(is_root=user == 0)
    # it has the network and the name of this machine, and the limits of the batch system
    linux["namespaces"] = [
        each for each in linux["namespaces"] if each["type"] not in ("network", "uts", "cgroup")
    ]
    linux.pop("resources", None)
    config.pop("hostname", None)
    mounts = [each for each in config["mounts"] if each["type"] != "cgroup"]
    names = [name for name in _NETWORK if Path(name).is_file()]
    mounts = [each for each in mounts if each["destination"] not in names]
    binds = [*([name, name, "ro"] for name in names), *asked.binds]
    config["mounts"] = [*mounts, *(_bind(*each) for each in binds)]
    return config


def _start(program: _Json, asked: Asked) -> str:
    user, group = program["user"]
    # charliecloud wants a name of the user, any will do, and hands all of its environment on
    begin = ["env", "-i", "USER=root", *program["env"], shutil.which(asked.runtime) or asked.runtime]
    options = ["--write", "--private-tmp", "--no-passwd", f"--uid={user}", f"--gid={group}"]
    return "exec " + shlex.join(
        [*begin, *options, f"--cd={program['cwd']}", str(asked.root), "--", *program["args"]]
    )


def _capabilities(*, is_root: bool) -> _Json:
    held = _CAPABILITIES if is_root else ()
    return {"bounding": _CAPABILITIES, "effective": held, "permitted": held, "inheritable": [], "ambient": []}


def _bind(source: str, target: str, mode: str) -> _Json:
    return {
        "destination": target,
        "type": "bind",
        "source": source,
        "options": ["rbind", "nosuid", "nodev", mode],
    }


def main() -> int:
    """Make the bundle; what goes wrong is the last line of stderr."""
    try:
        make(Asked(sys.argv[1]))
    except (Trouble, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
