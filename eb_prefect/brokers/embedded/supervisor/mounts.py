# SPDX-License-Identifier: Apache-2.0
"""A view of the file system of one process's own, with volumes at their paths.

The view is a small tmpfs into which all that ``/`` holds is bound, so mount
points can be made without making anything on the machine's file systems.
Where a volume lies below a directory of the machine and its mount point is
missing there, that directory is taken apart the same way: what it holds is
bound, and what is newly made directly in it goes with the session.
"""

import os
import stat

from .system import (
    CLONE_NEWNS,
    CLONE_NEWUSER,
    MNT_DETACH,
    MS_BIND,
    MS_PRIVATE,
    MS_RDONLY,
    MS_REC,
    MS_REMOUNT,
    MS_UNBINDABLE,
    call,
)


def enter_view(root: str, binds: list[list[str]]) -> None:
    """Give this process a view with ``binds`` (source, target, ``ro`` or ``rw``) in it.

    ``root`` is an empty directory, used as a mount point in the view only. A
    bind whose target lies below an earlier one finds its mount point there.

    Raises
    ------
    OSError
        The machine does not allow it; the process is to be given up then.
    """
    _unshare()
    call("mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)
    _make_tmpfs(root, 0o755)
    # or the bind of the directory that root is in would hold the view itself
    call("mount", b"none", root.encode(), None, MS_UNBINDABLE, None)
    _take_apart("/", root, skip=root)
    placed = [(source, os.path.realpath(target), mode) for source, target, mode in binds]
    ours = {"/"}
    for number, (source, target, _) in enumerate(placed):
        if not any(target.startswith(f"{above}/") for _, above, _ in placed[:number]):
            _make_point(root, target, os.path.isdir(source), ours)
    for source, target, mode in placed:
        _bind(source, root + target)
        if mode == "ro":
            _make_read_only(root + target)
    _change_root(root)


def can_enter(root: str) -> str:
    """Return why this machine gives no view, empty if it does; asked in a forked process."""
    try:
        enter_view(root, [])
    except OSError as error:
        return str(error)
    return ""


def _unshare() -> None:
    if os.geteuid() == 0:
        call("unshare", CLONE_NEWNS)
        return
    user, group = os.geteuid(), os.getegid()
    call("unshare", CLONE_NEWUSER | CLONE_NEWNS)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{user} {user} 1"),
        ("gid_map", f"{group} {group} 1"),
    ):
        fd = os.open(f"/proc/self/{name}", os.O_WRONLY | os.O_CLOEXEC)
        os.write(fd, text.encode())
        os.close(fd)


def _take_apart(directory: str, view: str, *, skip: str) -> None:
    """Bind all that a directory holds into its counterpart in the view, but for the view itself."""
    for entry in os.scandir(directory):
        point = f"{view}/{entry.name}"
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), point)
        elif entry.path != skip:
            _make(point, entry.is_dir())
            _bind(entry.path, point)


def _make_point(root: str, target: str, is_directory: bool, ours: set[str]) -> None:  # noqa: FBT001 - of the source
    """Make a mount point at ``target`` in the view, unless there is one.

    ``ours`` are the directories that are in the view only.
    """
    if os.path.exists(root + target):
        if os.path.isdir(root + target) != is_directory:
            raise OSError(
                f"{target} exists on this machine and is {'a file' if is_directory else 'a directory'}"
            )
        return
    above = os.path.dirname(target)
    if not os.path.exists(root + above):
        _make_point(root, above, True, ours)
    elif above not in ours:
        _make_tmpfs(root + above, stat.S_IMODE(os.stat(above).st_mode))
        _take_apart(above, root + above, skip=root)
    _make(root + target, is_directory)
    ours.update((above, target))


def _make_tmpfs(point: str, mode: int) -> None:
    call("mount", b"tmpfs", os.fsencode(point), b"tmpfs", 0, f"mode={mode:o}".encode())


def _make(point: str, is_directory: bool) -> None:  # noqa: FBT001 - of the source
    if is_directory:
        os.mkdir(point, 0o755)
    else:
        os.close(os.open(point, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))


def _bind(source: str, point: str) -> None:
    call("mount", os.fsencode(source), os.fsencode(point), None, MS_BIND | MS_REC, None)


def _make_read_only(point: str) -> None:
    # flags that the mount has already must be named again, or the kernel takes it as clearing them
    kept = os.statvfs(point).f_flag & (os.ST_NOSUID | os.ST_NODEV | os.ST_NOEXEC)
    call("mount", None, os.fsencode(point), None, MS_REMOUNT | MS_BIND | MS_RDONLY | kept, None)


def _change_root(root: str) -> None:
    os.chdir(root)
    call("pivot_root", b".", b".")
    call("umount2", b".", MNT_DETACH)
    os.chdir("/")
