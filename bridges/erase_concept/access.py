"""Who may ask: what hosts do not check for the routes of an extension."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

# Names that the host is reached under, besides those of the machine; separated by commas.
NAMES_VARIABLE = "ERASE_CONCEPT_HOST_NAMES"


def refusal(headers: Mapping[str, str], any_name: bool, names: tuple[str, ...] = ()) -> str | None:
    """Why a request is refused, or None.

    `headers` by lower-case name. `any_name`: for a host that strangers cannot use under a name of
    theirs, because it asks for a login, or that listens to the network anyway. `names`: others that
    the host has.
    """
    host = headers.get("host", "")
    name = _name_of(host)
    known = {*names, *_configured_names()}
    if not (any_name or name in known or _is_of_this_machine(name)):
        # A foreign page may have made its own name mean this machine (DNS rebinding).
        return (
            f'this web UI is not known as "{name}". If it is yours, start it with the environment '
            f"variable {NAMES_VARIABLE}={name}"
        )
    if _is_foreign(headers, {host, headers.get("x-forwarded-host", "")}, known):
        return "requests of other pages are refused."
    return None


def _is_foreign(headers: Mapping[str, str], hosts: set[str], known: set[str]) -> bool:
    # Browsers set it, pages cannot; over plain http some do not.
    site = headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return True
    origin = headers.get("origin")
    if origin is None or (origin == "null" and site == "same-origin"):
        return False
    authority = urlsplit(origin).netloc
    # A reverse proxy may have changed the Host header, but not what the browser says of itself.
    return not (authority in hosts - {""} or site == "same-origin" or _name_of(authority) in known)


def _is_of_this_machine(name: str) -> bool:
    # Only names with a dot can be a stranger's, and those of .local are of the local network.
    if "." not in name or name.endswith(".local") or name == socket.gethostname().lower():
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _name_of(authority: str) -> str:
    try:
        return (urlsplit(f"//{authority}").hostname or "").lower()
    except ValueError:
        return ""


def _configured_names() -> set[str]:
    names = os.environ.get(NAMES_VARIABLE, "").split(",")
    return {name.strip().lower() for name in names} - {""}
