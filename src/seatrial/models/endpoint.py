"""One JSON endpoint: a body sent, JSON back, and what went wrong sorted into what may pass and what will not."""

import json
import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from seatrial.errors import UsageError
from seatrial.models.base import RowFailed, TryAgain
from seatrial.models.options import from_environment

if TYPE_CHECKING:
    import aiohttp

LARGEST_ANSWER = 10_000_000
"""Bytes of one answer, unpacked."""
PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529})
_EXCERPT = 120
_SECRET = re.compile(r"key|token|secret|sig|pass|auth|credential", re.IGNORECASE)
_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
_ID = re.compile(r"\b(?=[\w.-]*\d)[\w-]{12,}\b|\b\d[\d.,:]{3,}\b|\b[0-9a-f]{8,}\b", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x20\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]+")
_TAG = re.compile(r"<[^>]{0,200}>")


class Endpoint:
    """Where calls go and how. Values of `headers` and the address may name environment variables as `$NAME`."""

    def __init__(self, url: str, *, method: str = "POST", headers: Mapping[str, str] | None = None) -> None:
        split = urlsplit(url)
        if split.scheme not in ("http", "https") or not split.netloc:
            raise UsageError(f"'{public(url)}' is no address of an endpoint; write http://HOST:PORT/PATH.")
        self.url, self.method, self.headers = url, method, dict(headers or {})
        self._session: aiohttp.ClientSession | None = None
        self._ready: tuple[str, dict[str, str]] | None = None

    def check(self) -> None:
        """Read the environment, so that a missing variable is said before the first call."""
        url = from_environment(self.url, what="the endpoint's address")
        headers = {name: from_environment(text, what=f"header {name}") for name, text in self.headers.items()}
        for name, text in headers.items():
            if any(letter in text for letter in "\r\n\0"):
                raise UsageError(f"header {name} holds a line break; take it out.")
        self._ready = url, {"Content-Type": "application/json", "Accept": "application/json", **headers}

    async def connect(self, *, timeout: float) -> None:
        import aiohttp

        self.check()
        await self.disconnect()
        self._session = aiohttp.ClientSession(
            # how many calls run at once is decided by whoever asks; an open-loop replay must never queue here
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30),
            timeout=aiohttp.ClientTimeout(total=timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def disconnect(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(self, body: Any) -> Any:
        """One call: the JSON of its answer. Raises `TryAgain` for what may pass, `RowFailed` for what will not."""
        import aiohttp

        if self._session is None or self._ready is None:
            raise RowFailed("the connection is not open")
        url, headers = self._ready
        raw = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
        try:
            if self.method == "GET":
                query = {name: text if isinstance(text, str) else json.dumps(text) for name, text in body.items()}
                sent = self._session.get(url, params=query, headers=headers, allow_redirects=False)
            else:
                sent = self._session.request(self.method, url, data=raw, headers=headers, allow_redirects=False)
            async with sent as answer:
                content = await _content(answer)
                if 200 <= answer.status < 300:
                    return _parsed(content, answer.content_type)
                raise self._refused(answer.status, answer.headers, content)
        except TimeoutError:
            raise TryAgain("no answer in time") from None
        except aiohttp.ClientPayloadError:
            raise TryAgain("the connection closed in the middle of an answer") from None
        except aiohttp.ClientConnectorCertificateError:
            raise RowFailed("the server's certificate is not trusted") from None
        except aiohttp.ClientConnectorDNSError:
            raise TryAgain("the host's name is not known") from None
        except aiohttp.ClientConnectorError as error:
            refused = isinstance(error.os_error, ConnectionRefusedError)
            raise TryAgain("the connection was refused" if refused else "no connection to the host") from None
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, ConnectionError):
            raise TryAgain("the connection was dropped") from None
        except aiohttp.InvalidURL:
            raise RowFailed("the address is not valid") from None
        except aiohttp.ClientResponseError as error:
            raise RowFailed(f"the answer is no HTTP ({type(error).__name__})") from None
        except aiohttp.ClientError as error:
            raise TryAgain(f"the call failed ({type(error).__name__})") from None

    def _refused(self, status: int, headers: Mapping[str, str], content: bytes) -> Exception:
        said, code = _complaint(content)
        for name in self.headers:
            for secret in (self._ready[1][name] if self._ready is not None else "").split():
                if len(secret) >= 6 and secret.lower() not in ("bearer", "digest"):
                    said = said.replace(secret, "#")
        said = excerpt(said)
        reason = f"HTTP {status}: {said}" if said else f"HTTP {status}"
        if 300 <= status < 400:
            return RowFailed(f"HTTP {status}: the endpoint has moved; give its new address")
        if status == 429 and code in ("insufficient_quota", "billing_hard_limit_reached"):
            return RowFailed(reason)
        if status in PASSING or status >= 500:
            # what a server in trouble says differs from call to call; the status is the reason
            return TryAgain(f"HTTP {status}", after=retry_after(headers), everyone=status == 429)
        return RowFailed(reason)


async def _content(answer: "aiohttp.ClientResponse") -> bytes:
    length = answer.content_length
    if length is not None and length > LARGEST_ANSWER:
        answer.close()
        raise RowFailed(f"the answer is longer than {LARGEST_ANSWER // 1_000_000} MB")
    if length is not None and "Content-Encoding" not in answer.headers:
        return await answer.read()
    found: list[bytes] = []
    size = 0
    async for piece in answer.content.iter_any():
        size += len(piece)
        if size > LARGEST_ANSWER:
            answer.close()
            raise RowFailed(f"the answer is longer than {LARGEST_ANSWER // 1_000_000} MB")
        found.append(piece)
    return b"".join(found)


def _parsed(content: bytes, kind: str) -> Any:
    if not content.strip():
        raise RowFailed("the answer is empty")
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise RowFailed(f"the answer is no JSON ({excerpt(kind)})") from None


def _complaint(content: bytes) -> tuple[str, str | None]:
    """What an error says of itself, and its code."""
    text = content[:20_000].decode("utf-8", "replace")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return _TAG.sub(" ", text), None
    error = found.get("error", found) if isinstance(found, dict) else found
    if isinstance(error, dict):
        code = error.get("code") or error.get("type")
        for name in ("message", "detail", "error_description", "title", "reason", "msg"):
            if isinstance(error.get(name), str):
                return error[name], code if isinstance(code, str) else None
        return json.dumps(error)[:400], code if isinstance(code, str) else None
    return (error if isinstance(error, str) else text[:400]), None


def excerpt(text: str) -> str:
    """A short, harmless piece of what a server said: no addresses, ids, long numbers or control characters.

    >>> excerpt("No model 'x' at https://u:p@h/v1 (request 8f3a9c2d1b77)\\x1b[31m")
    "No model 'x' at # (request #) [31m"
    """
    shown = _ID.sub("#", _ADDRESS.sub("#", _CONTROL.sub(" ", text[:2000]))).strip()
    return shown if len(shown) <= _EXCERPT else shown[:_EXCERPT].rstrip() + "…"


def retry_after(headers: Mapping[str, str], *, now: float | None = None) -> float | None:
    """Seconds a server asks to wait: `Retry-After` in seconds or as a date (by the server's own clock where it says
    one), `retry-after-ms`; None where it asks for nothing that can be read.

    >>> retry_after({"Retry-After": "3"}), retry_after({"Retry-After": "soon"})
    (3.0, None)
    """
    for name, unit in (("retry-after-ms", 1e-3), ("Retry-After", 1.0)):
        text = headers.get(name)
        if text is None:
            continue
        try:
            seconds = float(text) * unit
        except ValueError:
            continue
        if 0 <= seconds < 1e9:
            return seconds
    until = _date(headers.get("Retry-After"))
    if until is None:
        return None
    told = _date(headers.get("Date"))
    here = told if told is not None else (time.time() if now is None else now)
    return max(0.0, until - here)


def _date(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def public(url: str) -> str:
    """An address as it may be shown: without user, password, query and fragment."""
    split = urlsplit(url)
    return urlunsplit((split.scheme, split.netloc.rpartition("@")[2], split.path, "", ""))


def identity(url: str) -> str:
    """An address as it enters a fingerprint: without user and password, values of secret-looking parameters left out.

    >>> identity("https://me:pw@host/p?v=2&api_key=s")
    'https://host/p?v=2&api_key='
    """
    split = urlsplit(url)
    query = [
        (name, "" if _SECRET.search(name) else text) for name, text in parse_qsl(split.query, keep_blank_values=True)
    ]
    return urlunsplit((split.scheme, split.netloc.rpartition("@")[2], split.path, urlencode(query), ""))
