"""Forwards from an aiohttp app (ComfyUI's) to the sidecar."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import ClientError, ClientSession, ClientTimeout, WSMsgType, web
from yarl import URL

from .access import refusal
from .answers import PREFIX, Answer, own_answer, refused, unavailable
from .forwarding import has_body, request_headers, response_headers, until_one_ends
from .sidecar import Address, Sidecar

# Answers may take their time: polling waits for events, training for the host.
TIMEOUT = ClientTimeout(total=None, sock_connect=5)
CHUNK_BYTES = 64 * 1024


def add_proxy(
    routes: web.RouteTableDef, sidecar: Sidecar, takes_any_name: Callable[[], bool]
) -> None:
    """Adds a route for everything below PREFIX, HTTP and websocket."""

    async def redirect(_: web.Request) -> web.StreamResponse:
        # Relative, so that a reverse proxy may have a folder before it.
        return web.Response(status=307, headers={"location": PREFIX[1:]})

    async def handle(request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        message = refusal(headers, takes_any_name())
        if message is not None:
            return _response(refused(403, "access.refused", message))
        path, query = request.match_info["path"], request.query_string
        answer = own_answer(sidecar, request.method, path, query)
        if answer is not None:
            return _response(answer)
        address = sidecar.address
        try:
            if address is not None:
                is_websocket = headers.get("upgrade", "").lower() == "websocket"
                if is_websocket:
                    return await _forward_websocket(request, address)
                return await _forward(request, headers, address)
        except _NoAnswer:
            pass
        return _response(unavailable(sidecar, path, query))

    routes.route("*", PREFIX[:-1])(redirect)
    routes.route("*", PREFIX + "{path:.*}")(handle)


class _NoAnswer(Exception):
    """The sidecar was not reached, or ended before it answered."""


async def _forward(
    request: web.Request, headers: dict[str, str], address: Address
) -> web.StreamResponse:
    # A session for each request: it costs little to reach a port of the same machine.
    async with ClientSession(
        timeout=TIMEOUT,
        auto_decompress=False,
        # What the browser did not say is not said for it.
        skip_auto_headers=("accept", "accept-encoding", "content-type", "user-agent"),
    ) as session:
        try:
            answer = await session.request(
                request.method,
                _url(request, address, "http"),
                headers=request_headers(headers, address, request.remote),
                data=request.content if has_body(headers) else None,
                allow_redirects=False,
            )
        except ClientError as error:
            raise _NoAnswer from error
        async with answer:
            response = web.StreamResponse(status=answer.status)
            for name, value in response_headers(answer.headers.items()):
                response.headers.add(name, value)
            await response.prepare(request)
            async for chunk in answer.content.iter_chunked(CHUNK_BYTES):
                await response.write(chunk)
            await response.write_eof()
            return response


async def _forward_websocket(request: web.Request, address: Address) -> web.StreamResponse:
    headers = request_headers({}, address, request.remote)
    async with ClientSession(timeout=TIMEOUT) as session:
        try:
            upstream = await session.ws_connect(
                _url(request, address, "ws"), headers=headers, max_msg_size=0
            )
        except ClientError as error:
            raise _NoAnswer from error
        browser = web.WebSocketResponse(max_msg_size=0)
        await browser.prepare(request)
        try:
            await until_one_ends(_pump(browser, upstream), _pump(upstream, browser))
        finally:
            await upstream.close()
            await browser.close()
        return browser


async def _pump(source, sink) -> None:
    async for message in source:
        if message.type == WSMsgType.TEXT:
            await sink.send_str(message.data)
        elif message.type == WSMsgType.BINARY:
            await sink.send_bytes(message.data)


def _url(request: web.Request, address: Address, scheme: str) -> URL:
    path = request.raw_path.split(PREFIX, 1)[1]
    # As the browser wrote it: decoded and encoded again it may be another one.
    return URL(f"{scheme}://{address.authority}/{path}", encoded=True)


def _response(answer: Answer) -> web.Response:
    return web.Response(
        status=answer.status, body=answer.body.encode(), headers=answer.all_headers()
    )
