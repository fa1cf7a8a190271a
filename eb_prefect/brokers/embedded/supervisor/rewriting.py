# SPDX-License-Identifier: Apache-2.0
"""Volume paths in commands, replaced where nothing can be mounted."""

_PART_OF_A_PATH = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/~"


def rewritten(text: str, binds: list[list[str]]) -> str:
    """Return a word of a command with each volume path in it replaced by the real one.

    A path counts where it begins and ends as one: ``/in`` is replaced in
    ``/in``, ``/in/x``, ``--from=/in/x`` and ``cat '/in/x' >/in/y``, and not in
    ``/input``, ``a/in`` or ``s3://bucket/in``.
    """
    # a bind inside another's directory is a link there, so the outer one alone is replaced
    outer = [bind for bind in binds if not any(bind[1].startswith(f"{other[1]}/") for other in binds)]
    for source, target, _ in outer:
        text = _replaced(text, target, source)
    return text


def _replaced(text: str, target: str, source: str) -> str:
    done, start = "", 0
    while (found := text.find(target, start)) >= 0:
        end = found + len(target)
        begins = found == 0 or text[found - 1] not in _PART_OF_A_PATH
        ends = end == len(text) or text[end] == "/" or text[end] not in _PART_OF_A_PATH
        done += text[start:found] + (source if begins and ends else target)
        start = end
    return done + text[start:]
