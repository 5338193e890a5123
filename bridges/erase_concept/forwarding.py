"""Which headers go through to the sidecar and back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Mapping

from .sidecar import Address

# All that the sidecar looks at. Cookies and credentials are the host's, and none of its business.
REQUEST_HEADERS = (
    "accept",
    "accept-encoding",
    "content-type",
    "content-length",
    "if-none-match",
    "range",
)
# Of one connection each, of the host's server to give, or of the sidecar's own address.
NOT_RETURNED = ("connection", "keep-alive", "transfer-encoding", "date", "server", "set-cookie")


def request_headers(
    headers: Mapping[str, str], address: Address, client: str | None
) -> dict[str, str]:
    """Headers of a request to the sidecar: under its own name, with its token.

    `headers` by lower-case name; who asks must have been checked. `client` is the address that the
    request came from, None where the host cannot tell: the sidecar does more for its own machine.
    """
    forwarded = (headers.get("x-forwarded-for"), client or "unknown")
    return {
        **{name: headers[name] for name in REQUEST_HEADERS if name in headers},
        "x-forwarded-for": ", ".join(filter(None, forwarded)),
        "host": address.authority,
        "authorization": f"Bearer {address.token}",
    }


def response_headers(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Headers of the sidecar's answer, for the browser."""
    return [(name, value) for name, value in headers if name.lower() not in NOT_RETURNED]


def has_body(headers: Mapping[str, str]) -> bool:
    """Whether a request brings one."""
    return "content-length" in headers or "transfer-encoding" in headers


async def until_one_ends(*directions: Awaitable[None]) -> None:
    """Forwards both ways of a websocket until one side closes; the other way is given up."""
    tasks = [asyncio.ensure_future(direction) for direction in directions]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
