# SPDX-License-Identifier: Apache-2.0
"""A file that a library may write to, while the file on disk stays as it is."""

import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

PAGE = 4096
"""What the system writes at once: a kill tears a write at multiples of it."""

Write = tuple[int, bytes]


class Overlay(io.RawIOBase):
    """Reads go through to the file, writes stay in memory and are told by ``changes``."""

    def __init__(self, path: Path, writes: Sequence[Write] = ()) -> None:
        super().__init__()
        self._file = path.open("rb", buffering=0)
        self._fd = self._file.fileno()
        self._at = 0
        self._pages: dict[int, bytearray] = {}
        self.size = os.fstat(self._fd).st_size
        for at, data in writes:
            self.seek(at)
            self.write(data)

    def readable(self) -> bool:
        """Say yes."""
        return True

    def writable(self) -> bool:
        """Say yes."""
        return True

    def seekable(self) -> bool:
        """Say yes."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go there."""
        self._at = offset + (0, self._at, self.size)[whence]
        return self._at

    def tell(self) -> int:
        """Return where that is."""
        return self._at

    def readinto(self, into: Any) -> int:
        """Read; pages that were written come from memory."""
        view = memoryview(into).cast("B")
        count = max(0, min(len(view), self.size - self._at))
        if self._pages:
            for page, start, stop, at in self._pieces(count):
                view[at : at + stop - start] = self._page(page)[start:stop]
        else:
            os.preadv(self._fd, [view[:count]], self._at)
        self._at += count
        return count

    def write(self, data: Any) -> int:
        """Write into memory."""
        view = memoryview(data).cast("B")
        for page, start, stop, at in self._pieces(len(view)):
            if page not in self._pages:
                self._pages[page] = bytearray(self._page(page))
            self._pages[page][start:stop] = view[at : at + stop - start]
        self._at += len(view)
        self.size = max(self.size, self._at)
        return len(view)

    def truncate(self, size: int | None = None) -> int:
        """Set the size."""
        self.size = self._at if size is None else size
        return self.size

    def close(self) -> None:
        """Forget all."""
        self._file.close()
        super().close()

    def changes(self, before: int) -> list[Write]:
        """Return what differs from the file up to that offset: for each page from first to last byte."""
        return [one for page in sorted(self._pages) if (one := self._changed(page, before))]

    def span(self, start: int, stop: int) -> bytes:
        """Return the bytes from start to stop, as written."""
        return b"".join(
            bytes(self._page(page)[first:last]) for page, first, last, _ in _cut(start, stop - start)
        )

    def _changed(self, page: int, before: int) -> Write | None:
        new = bytes(self._pages[page][: max(0, before - page * PAGE)])
        old = self._old(page)[: len(new)]
        if new == old:
            return None
        first = next(at for at in range(len(new)) if new[at] != old[at])
        last = next(at for at in range(len(new) - 1, -1, -1) if new[at] != old[at])
        return page * PAGE + first, new[first : last + 1]

    def _pieces(self, count: int) -> Iterator[tuple[int, int, int, int]]:
        return _cut(self._at, count)

    def _page(self, page: int) -> bytes | bytearray:
        return self._pages.get(page) or self._old(page)

    def _old(self, page: int) -> bytes:
        return os.pread(self._fd, PAGE, page * PAGE).ljust(PAGE, b"\0")


def _cut(start: int, count: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield page, start and stop in it, and how many bytes came before."""
    done = 0
    while done < count:
        page, first = divmod(start + done, PAGE)
        size = min(PAGE - first, count - done)
        yield page, first, first + size, done
        done += size
