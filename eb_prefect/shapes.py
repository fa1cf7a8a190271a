# SPDX-License-Identifier: Apache-2.0
"""What secrets look like, whatever name they go under.

Each shape is one that its issuer gives to secrets and to nothing else, or
stands behind a word that announces a secret. Digests, UUIDs, base64 and long
hexadecimal numbers have none of them. Every expression takes a time that
grows with the text, not with its square: the text is a stranger's.
"""

import re
from collections.abc import Iterator

_ISSUED = (
    r"gh[pousr]_[A-Za-z0-9]{30,255}",  # GitHub
    r"github_pat_[A-Za-z0-9_]{22,255}",
    r"gl(?:pat|dt|rt|cbt|ptt|ft|soat|imt|agent)-[A-Za-z0-9_.-]{20,255}",  # GitLab
    r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9+=])",  # AWS
    r"xox[abeoprs]-[A-Za-z0-9-]{10,255}|xapp-[A-Za-z0-9-]{10,255}",  # Slack
    r"hf_[A-Za-z0-9]{30,255}",  # Hugging Face
    r"sk-(?:ant|proj|svcacct|admin|or)-[A-Za-z0-9_-]{20,255}|sk-[A-Za-z0-9]{32,255}",  # language models
    r"[rs]k_(?:live|test)_[A-Za-z0-9]{16,255}",  # Stripe
    r"AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20,2048}|GOCSPX-[A-Za-z0-9_-]{20,255}",  # Google
    r"npm_[A-Za-z0-9]{36}|pypi-AgE[A-Za-z0-9_-]{40,2048}|dckr_pat_[A-Za-z0-9_-]{20,255}",
    r"hv[sbr]\.[A-Za-z0-9_-]{20,2048}|dop_v1_[a-f0-9]{64}|dapi[a-f0-9]{32}",
    r"pn[ub]_[A-Za-z0-9]{36}",  # Prefect
    r"SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,128}",
    r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",  # JSON web tokens: signed, or encrypted
    r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+",
    r"MDA[A-Za-z0-9_+/-]{5}Y2F0aW9u[A-Za-z0-9_+/=-]{20,}",  # macaroons, as dCache has them
)
_SHORTEST = 5
_SHORTEST_TOKEN = 15
_TOKEN = re.compile(rf"(?<![A-Za-z0-9+_-])(?P<value>{'|'.join(_ISSUED)})")
_PRIVATE_KEY = re.compile(
    r"(?P<value>-----BEGIN (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
    r".*?(?:-----END (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----|\Z)"
    r"|(?:^|(?<=\n))PuTTY-User-Key-File-\d.*\Z)",
    re.DOTALL,
)
_HEADER = re.compile(
    r"(?<![?&#])\b(?:(?:proxy-)?authorization|(?:set-)?cookie|private-token|job-token"
    r"|x-[a-z0-9-]{0,40}(?:token|api-?key|secret))\\?[\"']?[ \t]*[:=][ \t]*\\?[\"']?"
    r"(?:(?:bearer|basic|token|negotiate|apikey|digest|oauth|aws4-hmac-sha256)[ \t]+)?"
    r"(?P<value>(?<=digest )[^\r\n]+|(?<=oauth )[^\r\n]+|(?<=-sha256 )[^\r\n]+|[^\s\"',;]+)",
    re.IGNORECASE,
)
_BEARER = re.compile(r"\bbearer[ \t]+(?P<value>(?=[^\s\"']{0,2048}\d)[A-Za-z0-9._~+/=-]{16,})", re.IGNORECASE)
_USERINFO = re.compile(r"(?<=://)(?P<user>[^/@:\s?#\"'<>]*):(?P<value>[^/\s?#\"'<>]+)(?=@)")
_TOKEN_AS_USER = re.compile(r"(?<=://)(?P<value>(?=[^/@\s]{0,255}\d)[A-Za-z0-9_~+=-]{20,255})(?=@)")
_LONG = r"token|secret|passw(?:or)?d|passphrase|credentials?|api[_-]?key|access[_-]?key|private[_-]?key"
_SHORT = r"pwd|pat"  # only as words of their own: a path is none
_STRONG = rf"{_LONG}|{_SHORT}"
_ANNOUNCES = re.compile(
    r"authorization|cookie|token|secret|passw|passp|credential|key|pwd|pat|bearer", re.IGNORECASE
)
_ASSIGNED = re.compile(
    rf"(?<![\w.?&#-])-{{0,2}}(?:[A-Za-z0-9]{{1,32}}[_.-]){{0,5}}(?:{_STRONG})(?:[_-][A-Za-z0-9]{{1,16}}){{0,2}}"
    r"[ \t]*=[ \t]*\\?[\"']?(?P<value>(?![$%{])[^\s\"';&|,\\]+)",
    re.IGNORECASE,
)
_MEMBER = re.compile(
    rf"\\?\"(?:[A-Za-z0-9_.-]{{0,64}}?(?:{_LONG})[A-Za-z0-9_.-]{{0,16}}"
    rf"|(?:[A-Za-z0-9_.-]{{0,64}}[_.-])?(?:{_SHORT})(?:[_.-][A-Za-z0-9_.-]{{0,16}})?)\\?\"[ \t]*:"
    r"[ \t]*\\?\"(?P<value>[^\"\\]+)",
    re.IGNORECASE,
)
_CURL = re.compile(r"\bcurl\b[^|;&\n]{0,200}?\s(?:-u|--user)[ =]?[\"']?[^:\s\"']{1,255}:(?P<value>[^\s\"']+)")


def secrets_in(text: str) -> Iterator[str]:
    """Yield every part of the text that looks like a secret."""
    for shape in _shapes(text):
        yield from (match["value"] for match in shape.finditer(text))


def without_secrets(text: str, instead: str) -> str:
    """Return the text with something else in the place of every secret."""
    for shape in _shapes(text):
        text = shape.sub(lambda match: _with(match, instead), text)
    return text


def _shapes(text: str) -> Iterator[re.Pattern[str]]:
    """Yield the shapes that can be in a text: most texts have none of their signs, which cost little."""
    if len(text) < _SHORTEST:
        return
    if len(text) >= _SHORTEST_TOKEN:
        yield _TOKEN
    if "PRIVATE KEY" in text or "PuTTY-User-Key-File-" in text:
        yield _PRIVATE_KEY
    if "@" in text and "://" in text:
        yield from (_USERINFO, _TOKEN_AS_USER)
    if _ANNOUNCES.search(text):
        yield from (_HEADER, _ASSIGNED, _MEMBER, _BEARER)
    if "curl" in text:
        yield _CURL


def _with(match: re.Match[str], instead: str) -> str:
    begin, end = match.start("value") - match.start(), match.end("value") - match.start()
    return match[0][:begin] + instead + match[0][end:]
