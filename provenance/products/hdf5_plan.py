# SPDX-License-Identifier: Apache-2.0
"""Work out which bytes put a record into an HDF5 file: all new ones at its end, and one write within a page.

The library works on an overlay, so that the file stays as it is. Where the
change to what is there lies in one page with the superblock or beside it,
that is the plan. Where it does not, the first group is made anew at the
end of the file, with the same links and attributes, and the superblock, which
is one short write, points to it. Where that can't be, all changes are told,
to be made on a copy. Runs only where `guard` has files read.
"""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import h5py
import numpy as np
from h5py import h5, h5a, h5d, h5f, h5fd, h5g, h5l, h5o, h5p, h5s, h5t

from provenance.errors import CanNotAttachError
from provenance.products.guarded import FOREIGN, alive
from provenance.products.hdf5_data import encoded, is_variable
from provenance.products.hdf5_header import OURS, names_of
from provenance.products.hdf5_read import access_list, attached, walk
from provenance.products.hdf5_superblock import Superblock, superblock
from provenance.products.overlay import PAGE, Overlay, Write

_ADDED_LIMIT = 4 << 20
_LINKS = 4096
_ATTRIBUTES = 1 << 20
_OF_SCALES = (b"DIMENSION_LIST", b"REFERENCE_LIST")


class CanNotMoveError(ValueError):
    """The first group has something that can't be written again as it is."""


def plan(path: str, *texts: str) -> dict[str, Any]:
    """Return the writes that put the three texts into the file, in their order.

    ``steps`` is empty where they are there. With ``safe`` the file can be
    read after each step, and the steps but the first are within a page.
    ``size`` is that of the file afterwards.
    """
    file = Path(path)
    block = _superblock(file)
    with _opened(Overlay(file), h5f.ACC_RDONLY) as root:
        if attached(root) == list(texts):
            return {"steps": [], "safe": True, "size": 0}
        before = _said(root)
    for way in (_added, _moved):
        try:
            steps, size = way(file, block, texts)
        except CanNotMoveError:
            continue
        if _is_safe(steps, block) and _is_right(file, steps, before, texts):
            return {"steps": _told(steps), "safe": True, "size": size}
    steps, size = _added(file, block, texts)
    return {"steps": _told(steps), "safe": False, "size": size}


def _superblock(file: Path) -> Superblock:
    with file.open("rb") as opened:
        block = superblock(opened.fileno())
    if block is None:
        raise CanNotAttachError(file, "its superblock is of a kind that is not known here")
    return block


def _told(steps: list[Write]) -> list[Any]:
    return [[at, base64.b64encode(data).decode()] for at, data in steps]


@contextmanager
def _opened(overlay: Overlay, mode: int) -> Iterator[h5g.GroupID]:
    """Give the first group of the file in the overlay; at the end all is written there."""
    access = access_list()
    access.set_fileobj_driver(h5fd.fileobj_driver, overlay)
    access.set_libver_bounds(h5f.LIBVER_EARLIEST, h5f.LIBVER_LATEST)
    file = h5f.open(b"overlay", mode, access)
    try:
        yield h5g.open(file, b"/")
    finally:
        file._close_open_objects(h5f.OBJ_ALL)  # noqa: SLF001 -- what h5py.File.close() does


def _added(file: Path, block: Superblock, texts: tuple[str, ...]) -> tuple[list[Write], int]:
    """Have the library add the attributes."""
    overlay = Overlay(file)
    with _opened(overlay, h5f.ACC_RDWR) as root:
        _add(root, texts)
    changes = overlay.changes(block.end)
    own = [one for one in changes if one[0] < block.at + len(block.data)]
    others = [one for one in changes if one not in own]
    return [*_appended(overlay, block), *own, *others], overlay.size


def _add(group: h5g.GroupID, texts: tuple[str, ...]) -> None:
    for name in OURS:
        if h5a.exists(group, name.encode()):
            h5a.delete(group, name.encode())
    document, *pointers = OURS
    kind = h5t.py_create(h5py.string_dtype("ascii"), logical=True)
    made = h5a.create(group, document.encode(), kind, h5s.create(h5s.SCALAR))
    made.write(np.array(texts[0], dtype=h5py.string_dtype("ascii")))
    for name, text in zip(pointers, texts[1:], strict=True):
        value = np.array(text.encode() or b"\0", dtype=f"S{max(1, len(text))}")
        h5a.create(
            group, name.encode(), h5t.py_create(value.dtype, logical=True), h5s.create(h5s.SCALAR)
        ).write(value)


def _appended(overlay: Overlay, block: Superblock) -> list[Write]:
    if overlay.size <= block.end:
        return []
    if overlay.size - block.end > _ADDED_LIMIT:
        raise ValueError("its library would add more than a record to it")
    return [(block.end, overlay.span(block.end, overlay.size))]


def _moved(file: Path, block: Superblock, texts: tuple[str, ...]) -> tuple[list[Write], int]:
    """Make the first group anew behind the end, and point to it."""
    overlay = Overlay(file)
    with _opened(Overlay(file), h5f.ACC_RDONLY) as old, _opened(overlay, h5f.ACC_RDWR) as root:
        if h5o.get_info(old).rc > 1:
            raise CanNotMoveError("other links lead to it")
        if _has_references(old):
            raise CanNotMoveError("references may lead to it")
        group = h5g.create(root, uuid4().hex.encode(), gcpl=root.get_create_plist())
        _link_again(old, root, group)
        _attributes_again(old, group)
        _add(group, texts)
        address = h5o.get_info(group).addr
    return [*_appended(overlay, block), (block.at, block.moved(overlay.size, address))], overlay.size


def _has_references(root: h5g.GroupID) -> bool:
    """Whether anything but the scales of dimensions refers to objects by where they are, or may do so."""
    for number, item in enumerate(walk(root)):
        alive()
        if number > _LINKS:
            return True
        if isinstance(item.held, h5d.DatasetID) and item.held.get_type().detect_class(h5t.REFERENCE):
            return True
        names = (name for name in names_of(item.held) if name not in _OF_SCALES)
        if any(h5a.open(item.held, name).get_type().detect_class(h5t.REFERENCE) for name in names):
            return True
    return False


def _link_again(old: h5g.GroupID, root: h5g.GroupID, group: h5g.GroupID) -> None:
    for name, kind in _links(old):
        if kind == h5l.TYPE_HARD:
            group.links.create_hard(name, root, name)
        elif kind == h5l.TYPE_SOFT:
            group.links.create_soft(name, old.links.get_val(name))
        elif kind == h5l.TYPE_EXTERNAL:
            group.links.create_external(name, *old.links.get_val(name))
        else:
            raise CanNotMoveError("it has links of a user's own kind")


def _links(group: h5g.GroupID) -> list[tuple[bytes, int]]:
    """Return the links, in the order in which they were made where that is kept."""
    found: list[tuple[bytes, int]] = []

    def add(name: bytes, info: Any) -> bool | None:
        found.append((name, info.type))
        return len(found) > _LINKS or None

    kept = group.get_create_plist().get_link_creation_order() & h5p.CRT_ORDER_TRACKED
    group.links.iterate(add, info=True, idx_type=h5.INDEX_CRT_ORDER if kept else h5.INDEX_NAME)
    if len(found) > _LINKS:
        raise CanNotMoveError("it has too many links")
    return found


def _attributes(group: h5g.GroupID) -> list[h5a.AttrID]:
    names: list[bytes] = []
    kept = group.get_create_plist().get_attr_creation_order() & h5p.CRT_ORDER_TRACKED
    h5a.iterate(group, names.append, index_type=h5.INDEX_CRT_ORDER if kept else h5.INDEX_NAME)
    found = [h5a.open(group, name) for name in names if name.decode("utf-8", "replace") not in OURS]
    if sum(one.get_storage_size() for one in found) > _ATTRIBUTES or any(
        one.get_type().committed() for one in found
    ):
        raise CanNotMoveError("its attributes are too long, or of a type that has a name")
    return found


def _attributes_again(old: h5g.GroupID, group: h5g.GroupID) -> None:
    for one in _attributes(old):
        space, kind = one.get_space(), one.get_type()
        made = h5a.create(group, one.name, kind, space)
        if space.get_simple_extent_type() != h5s.NULL:
            made.write(_value(one), None if is_variable(kind) else kind)


def _value(attribute: h5a.AttrID) -> np.ndarray[Any, Any]:
    """Return the value, as it is in the file where that says it all."""
    kind = attribute.get_type()
    if not is_variable(kind):
        array = np.zeros(attribute.shape, f"V{kind.get_size()}")
        attribute.read(array, kind)
        return array
    try:
        array = np.zeros(attribute.shape, attribute.dtype)
    except TypeError as reason:  # numpy has no such type
        raise CanNotMoveError(str(reason)) from reason
    attribute.read(array)
    return array


def _said(root: h5g.GroupID) -> Any:
    """Return all that the first group says, but for what is ours; None where it can't be told."""
    file = h5py.h5i.get_file_id(root)
    try:
        attributes = [
            (
                one.name,
                one.get_type().encode(),
                one.shape,
                None if one.get_space().get_simple_extent_type() == h5s.NULL else encoded(_value(one), file),
            )
            for one in _attributes(root)
        ]
        links = [
            (name, kind, h5o.get_info(root, name).addr if kind == h5l.TYPE_HARD else root.links.get_val(name))
            for name, kind in _links(root)
        ]
    except CanNotMoveError:
        return None
    return attributes, links


def _is_safe(steps: list[Write], block: Superblock) -> bool:
    """Whether all but what is appended goes into one page, or into the superblock and one page."""
    inside = [(at, at + len(data)) for at, data in steps if at < block.end]
    pages = {page for start, stop in inside for page in range(start // PAGE, (stop - 1) // PAGE + 1)}
    others = [(start, stop) for start, stop in inside if stop > block.at + len(block.data)]
    return len(pages) <= 1 or (len(pages) == len(inside) == 2 and len(others) == 1)


def _is_right(file: Path, steps: list[Write], before: Any, texts: tuple[str, ...]) -> bool:
    """Whether the file will have the texts, and all that it had."""
    if before is None:
        return False
    try:
        with _opened(Overlay(file, steps), h5f.ACC_RDONLY) as root:
            return attached(root) == list(texts) and _said(root) == before
    except FOREIGN:
        return False
