# SPDX-License-Identifier: Apache-2.0
"""Serve JupyterLab until it is told to end: the program of an interactive session.

It is run as a script, in a process of its own, and imports nothing of this
package. Once it answers it says in a file where it is and how to get in.
"""

import json
import os
import secrets
import sys
from pathlib import Path
from urllib.parse import quote, urlencode

from jupyter_server.services.contents.filecheckpoints import AsyncGenericFileCheckpoints
from jupyterlab.handlers.announcements import NeverCheckForUpdate
from jupyterlab.labapp import LabApp
from tornado.httpclient import AsyncHTTPClient
from traitlets.config import Config

_HERE = "127.0.0.1"


def main(room: str, opened: str, *links: str) -> None:
    """Serve the working directory; ``links`` are names in it and what they lead to, in turn."""
    for name, target in zip(links[::2], links[1::2], strict=True):
        _link(Path(name), target)
    _settle()
    token = secrets.token_urlsafe(32)
    server = LabApp.initialize_server(argv=[], config=_config(Path(room), token))
    page = f"lab/tree/{quote(opened)}" if opened else "lab"

    async def tell() -> None:
        address = f"http://{_HERE}:{server.port}/"
        asked = {"Authorization": f"token {token}"}
        await AsyncHTTPClient().fetch(f"{address}api/status", headers=asked, request_timeout=60)
        _write(Path(room) / "door.json", address + page, token)

    server.io_loop.add_callback(tell)  # after that which lets it listen
    server.start()


def _link(name: Path, target: str) -> None:
    name.parent.mkdir(parents=True, exist_ok=True)
    if not os.path.lexists(name):  # by a start that was cut short, or a notebook of that name
        name.symlink_to(target)


def _settle() -> None:
    """Let no session begin with the question whether news of Jupyter are wanted."""
    ours = Path(os.environ["JUPYTER_CONFIG_DIR"]) / "lab" / "user-settings" / "@jupyterlab"
    path = ours / "apputils-extension" / "notification.jupyterlab-settings"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('{"fetchNews": "false"}\n', encoding="utf-8")


def _config(room: Path, token: str) -> Config:
    config = Config()
    config.ServerApp.update(
        ip=_HERE,
        port=0,
        open_browser=False,
        allow_root=True,  # of a container or a machine of one's own; the session runs as whoever asks
        root_dir=str(Path.cwd()),
        allow_remote_access=False,
    )
    config.IdentityProvider.token = token  # not in the environment, which kernels inherit and notebooks print
    config.LabApp.update(
        check_for_updates_class=NeverCheckForUpdate, news_url=None, extension_manager="readonly"
    )
    # beside the files that are saved they would be products
    config.ContentsManager.checkpoints_class = AsyncGenericFileCheckpoints
    config.AsyncGenericFileCheckpoints.root_dir = str(room / "checkpoints")
    (room / "checkpoints").mkdir(parents=True)
    return config


def _write(path: Path, location: str, token: str) -> None:
    """Write the file whole at once, for its owner only."""
    partial = path.with_suffix(".part")
    partial.touch(0o600)
    text = {"location": location, "way_in": f"{location}?{urlencode({'token': token})}"}
    partial.write_text(json.dumps(text), encoding="utf-8")
    partial.rename(path)


if __name__ == "__main__":
    main(*sys.argv[1:])
