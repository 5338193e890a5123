"""The host's own API for the sidecar alone, where the host was started without --api."""

from __future__ import annotations

import base64
import secrets
import sys
from typing import Any

from starlette.routing import BaseRoute, Match, NoMatchFound

from .answers import PREFIX, refused
from .proxy_asgi import Message, Receive, Send, headers_of, path_of, send_answer

# The path below the host's address at which it answers.
PRIVATE_PREFIX = f"{PREFIX}host/"

# All that src/hosts/a1111 asks for.
NEEDED = (
    "sd-models",
    "refresh-checkpoints",
    "options",
    "txt2img",
    "progress",
    "sd-vae",
    "sd-modules",
    "unload-checkpoint",
    "reload-checkpoint",
)

# Of the built-in extension for LoRAs, which answers without --api, too; not in Forge Neo.
OF_LORAS = ("loras", "refresh-loras")

# Flags that name the folders of LoRAs and of embeddings.
FOLDERS = ("lora_dir", "embeddings_dir")

# `user:password`: one for as long as the host runs, however often its interface is reloaded.
CREDENTIALS = f"erase-concept:{secrets.token_urlsafe(32)}"


class PrivateApiRoute(BaseRoute):
    """A route of a Starlette app for everything below PRIVATE_PREFIX, behind CREDENTIALS."""

    def __init__(self, api: Any) -> None:
        self._api = api

    def matches(self, scope: Message) -> tuple[Match, Message]:
        is_ours = scope["type"] == "http" and (path_of(scope) or "").startswith(PRIVATE_PREFIX)
        return (Match.FULL if is_ours else Match.NONE), {}

    def url_path_for(self, name: str, /, **path_params: Any) -> Any:
        raise NoMatchFound(name, path_params)

    async def handle(self, scope: Message, receive: Receive, send: Send) -> None:
        given = headers_of(scope).get("authorization", "")
        if not secrets.compare_digest(given.encode(), _authorization().encode()):
            answer = refused(401, "access.refused", "this is for the sidecar alone.")
            await send_answer(send, answer)
            return
        path = (path_of(scope) or "")[len(PRIVATE_PREFIX) - 1 :]
        inner = {**scope, "path": path, "raw_path": path.encode(), "root_path": ""}
        host = scope["app"]
        is_hosts = path.removeprefix("/sdapi/v1/") in OF_LORAS and has_route(host, path)
        await (host if is_hosts else self._api)(inner, receive, send)


def make_private_api() -> Any:
    """An app that answers NEEDED as the host itself would with --api."""
    from fastapi import FastAPI
    from modules.api.api import Api
    from modules.call_queue import queue_lock

    class PrivateApi(Api):
        """Less than the host's: what is not needed is not there."""

        def add_api_route(self, path: str, endpoint: Any, **options: Any) -> None:
            # The host's own would ask for the password of --api-auth, which guards --api.
            if path.removeprefix("/sdapi/v1/") in NEEDED:
                self.app.add_api_route(path, endpoint, **options)

    app = FastAPI(openapi_url=None)
    PrivateApi(app, queue_lock)
    _add_loras(app)
    return app


def has_route(app: Any, path: str) -> bool:
    """Whether an app answers at a path."""
    return any(getattr(route, "path", None) == path for route in app.routes)


def _add_loras(app: Any) -> None:
    """What the extension for LoRAs answers with --api, and of the flags the folders that files lie in."""
    from modules import shared

    @app.get("/sdapi/v1/cmd-flags")
    def flags() -> dict[str, str | None]:
        return {name: getattr(shared.cmd_opts, name, None) for name in FOLDERS}

    # Of the extension, under this name in each of these web UIs; not there where it is switched off.
    networks = sys.modules.get("networks")
    if networks is None:
        return

    @app.get("/sdapi/v1/loras")
    def loras() -> list[dict[str, str]]:
        known = networks.available_networks.values()
        return [{"name": lora.name, "path": lora.filename} for lora in known]

    @app.post("/sdapi/v1/refresh-loras")
    def refresh_loras() -> None:
        networks.list_available_networks()


def _authorization() -> str:
    return f"Basic {base64.b64encode(CREDENTIALS.encode()).decode()}"
