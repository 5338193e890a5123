"""Forwards from an ASGI app (gradio's FastAPI) to the sidecar."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any

import httpx
from starlette.routing import BaseRoute, Match, NoMatchFound

from .access import refusal
from .answers import PREFIX, Answer, own_answer, refused, unavailable
from .forwarding import has_body, request_headers, response_headers, until_one_ends
from .sidecar import Address, Sidecar

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# Answers may take their time: polling waits for events, training for the host.
TIMEOUT = httpx.Timeout(None, connect=5)
POLICY_VIOLATION = 1008
GOING_AWAY = 1001


class Gate:
    """What the proxy must know of the host to tell who may ask."""

    def __init__(
        self, names: tuple[str, ...] = (), login_headers: dict[str, str] | None = None
    ) -> None:
        """Takes other names of the host, and what is added to the answer to who must log in."""
        self.names = names
        self.login_headers = login_headers or {}

    def takes_any_name(self) -> bool:
        """Whether requests may come under a name that is not known to be the host's."""
        raise NotImplementedError

    async def lets_in(self, scope: Message) -> bool:
        """Whether the host would show its own page to whoever sent this."""
        raise NotImplementedError


class ProxyRoute(BaseRoute):
    """A route of a Starlette app for everything below PREFIX, HTTP and websocket.

    Not a Mount: what that does to paths is not the same in every version.
    """

    def __init__(self, sidecar: Sidecar, gate: Gate) -> None:
        self._sidecar = sidecar
        self._gate = gate

    def matches(self, scope: Message) -> tuple[Match, Message]:
        is_ours = scope["type"] in ("http", "websocket") and path_of(scope) is not None
        return (Match.FULL if is_ours else Match.NONE), {}

    def url_path_for(self, name: str, /, **path_params: Any) -> Any:
        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Message, receive: Receive, send: Send) -> None:
        headers = headers_of(scope)
        answer = await self._check(scope, headers)
        if scope["type"] == "websocket":
            address = self._sidecar.address
            if answer is None and address is not None:
                await _forward_websocket(scope, receive, send, address)
            else:
                await send({"type": "websocket.close", "code": POLICY_VIOLATION})
            return
        path, query = path_of(scope) or "", scope["query_string"].decode("latin-1")
        if answer is None and path == PREFIX[:-1]:
            # Relative, so that a reverse proxy may have a folder before it.
            answer = Answer(307, "text/plain", "", {"location": PREFIX[1:]})
        path = path[len(PREFIX) :]
        answer = answer or own_answer(self._sidecar, scope["method"], path, query)
        address = self._sidecar.address
        if answer is None and address is not None and await _forward(scope, receive, send, address):
            return
        await send_answer(send, answer or unavailable(self._sidecar, path, query))

    async def _check(self, scope: Message, headers: dict[str, str]) -> Answer | None:
        message = refusal(headers, self._gate.takes_any_name(), self._gate.names)
        if message is not None:
            return refused(403, "access.refused", message)
        if not await self._gate.lets_in(scope):
            message = "log in to the web UI first, then open this page again."
            return refused(401, "access.no-login", message, self._gate.login_headers)
        return None


def add_route(app: Any, route: BaseRoute) -> None:
    """Adds a route before those of the host, some of which take every path."""
    app.router.routes.insert(0, route)


class _BrowserLeft(Exception):
    """Before it had sent all of its request."""


async def _forward(scope: Message, receive: Receive, send: Send, address: Address) -> bool:
    """Has the sidecar answer; False if it does not, so that another answer can be sent."""
    headers = headers_of(scope)
    # Not compressed: some hosts compress again what is, under the same header.
    client, _ = scope.get("client") or (None, None)
    outgoing = {**request_headers(headers, address, client), "accept-encoding": "identity"}
    async with httpx.AsyncClient(timeout=TIMEOUT, trust_env=False) as sidecar:
        request = sidecar.build_request(
            scope["method"],
            _url(scope, address, "http"),
            headers=outgoing,
            content=_body(receive) if has_body(headers) else None,
        )
        try:
            answer = await sidecar.send(request, stream=True)
        except httpx.TransportError:
            return False
        except _BrowserLeft:
            return True
        try:
            returned = response_headers(answer.headers.multi_items())
            await send(_response_start(answer.status_code, returned))
            async for chunk in answer.aiter_raw():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            await answer.aclose()
    return True


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise _BrowserLeft
        yield message.get("body", b"")
        if not message.get("more_body", False):
            return


async def _forward_websocket(
    scope: Message, receive: Receive, send: Send, address: Address
) -> None:
    await receive()  # websocket.connect
    try:
        upstream = await _connect(_url(scope, address, "ws"), address)
    except Exception:  # Of several kinds in each version; the page polls instead.
        await send({"type": "websocket.close", "code": GOING_AWAY})
        return
    await send({"type": "websocket.accept"})

    async def up() -> None:
        while (message := await receive())["type"] == "websocket.receive":
            text = message.get("text")
            await upstream.send(text if text is not None else message["bytes"])

    async def down() -> None:
        async for data in upstream:
            kind = "text" if isinstance(data, str) else "bytes"
            await send({"type": "websocket.send", kind: data})
        await send({"type": "websocket.close", "code": GOING_AWAY})

    try:
        await until_one_ends(up(), down())
    finally:
        await upstream.close()


async def _connect(url: str, address: Address):
    """Opens a websocket to the sidecar with the package that gradio brings, old or new."""
    headers = {"Authorization": f"Bearer {address.token}"}
    options = {"compression": None, "max_size": None, "open_timeout": 5, "ping_interval": None}
    try:
        from websockets.asyncio.client import connect

        # It knows the proxies of the environment, which do not reach this machine's own ports.
        return await connect(url, additional_headers=headers, proxy=None, **options)
    except ImportError:
        from websockets.client import connect as connect_legacy

        return await connect_legacy(url, extra_headers=headers, **options)


async def send_answer(send: Send, answer: Answer) -> None:
    """Sends an answer of the bridge's own."""
    body = answer.body.encode()
    headers = {**answer.all_headers(), "content-length": str(len(body))}
    await send(_response_start(answer.status, headers.items()))
    await send({"type": "http.response.body", "body": body})


def _response_start(status: int, headers: Iterable[tuple[str, str]]) -> Message:
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    return {"type": "http.response.start", "status": status, "headers": raw}


def headers_of(scope: Message) -> dict[str, str]:
    """The headers of a request by lower-case name."""
    pairs = scope["headers"]
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in pairs}


def path_of(scope: Message) -> str | None:
    """The path from PREFIX on as the browser sent it; None where it is none of ours."""
    # Some servers leave the folder that the app is mounted at on it, some do not.
    raw = scope.get("raw_path") or scope["path"].encode()
    path = raw.decode("latin-1").split("?")[0]
    root = scope.get("root_path", "").rstrip("/")
    if root and path.startswith(f"{root}/"):
        path = path[len(root) :]
    return path if path.startswith(PREFIX) or path == PREFIX[:-1] else None


def _url(scope: Message, address: Address, scheme: str) -> str:
    path = (path_of(scope) or PREFIX)[len(PREFIX) - 1 :]
    query = scope["query_string"].decode("latin-1")
    return f"{scheme}://{address.authority}{path}{'?' if query else ''}{query}"
