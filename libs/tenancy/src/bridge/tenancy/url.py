"""Which addresses a tenant file may name.

Owns the rules that keep a tenant's address from being a way into the inner network (what a public name resolves to is
checked again at connect time). Pure. Problems never repeat the address: it may hold a password.
"""

import ipaddress
import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

LOOPBACK_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})
TRIPLETEX_DOMAINS: Final = ("tripletex.no", "tripletex.tech")
"""Production and test environments live under these; any other host is not Tripletex."""

_HOST: Final = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]")
_ONE_WORD: Final = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_PATH: Final = re.compile(r"(/[A-Za-z0-9_.~-]+)*/?")


def check_url(text: str, *, allow_loopback: bool, domains: tuple[str, ...] = ()) -> str:
    """Return the address without a trailing slash, host in lower case.

    Args:
        allow_loopback: Development only: http and https to this machine are allowed too, and to hosts of one word, as
            containers have them.
        domains: If given, the host is one of these or below one of them.

    Raises:
        ValueError: What is wrong, as a phrase without the address itself.
    """
    parts = _split(text)
    host = (parts.hostname or "").lower()
    _check_form(parts, text)
    if host in LOOPBACK_HOSTS:
        if not allow_loopback:
            raise ValueError("points at this machine, which only a development set-up may (BRIDGE_ALLOW_LOOPBACK=1)")
        return _joined(parts, host)
    if allow_loopback and _ONE_WORD.fullmatch(host):
        return _joined(parts, host)
    if parts.scheme != "https":
        raise ValueError("must begin with https://")
    _check_host(host, domains)
    return _joined(parts, host)


def _split(text: str) -> SplitResult:
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        raise ValueError("holds a character that no address may hold")
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError("is not a valid address") from None
    return parts


def _check_form(parts: SplitResult, text: str) -> None:
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be a full address that begins with https://")
    if "@" in parts.netloc:
        raise ValueError("must not hold a user name or password")
    if "?" in text or "#" in text:
        raise ValueError("must not hold a query or a fragment")
    if parts.port == 0 or not _PATH.fullmatch(parts.path) or {".", ".."} & set(parts.path.split("/")):
        raise ValueError("has a port or a path that is not plain")


def _check_host(host: str, domains: tuple[str, ...]) -> None:
    address = _literal(host)
    if address is not None:
        if not address.is_global or domains:
            raise ValueError("must name a public host, not an IP address of a private or reserved range")
        return
    # A last label without letters at its start is how "127.1" and "0x7f.1" reach an address without looking like one.
    if not _HOST.fullmatch(host):
        raise ValueError("must name a full host, such as api.example.com")
    if domains and not any(host == domain or host.endswith(f".{domain}") for domain in domains):
        raise ValueError(f"must be a host of {' or '.join(domains)}")


def _literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _joined(parts: SplitResult, host: str) -> str:
    name = f"[{host}]" if ":" in host else host
    port = f":{parts.port}" if parts.port is not None else ""
    return f"{parts.scheme}://{name}{port}{parts.path.rstrip('/')}"
