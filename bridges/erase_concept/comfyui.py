"""ComfyUI: the page behind the sidebar tab; the tab itself is web/erase-concept.js."""

from __future__ import annotations

import folder_paths
from comfy.cli_args import args
from server import PromptServer

from .proxy_aiohttp import add_proxy
from .sidecar import HostSettings, data_folder, start_once

ANY_ADDRESS = ("", "0.0.0.0", "::")
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def register() -> None:
    """Starts the sidecar and serves its page; called while ComfyUI loads its custom nodes."""
    listens = [address.strip() for address in args.listen.split(",")]
    sidecar = start_once(
        HostSettings(
            kind="comfyui",
            url=_host_url(listens[0]),
            data_folder=data_folder(folder_paths.base_path),
        )
    )
    is_open = any(address not in LOOPBACK for address in listens)
    add_proxy(PromptServer.instance.routes, sidecar, lambda: is_open)


def _host_url(listens: str) -> str:
    scheme = "https" if args.tls_certfile else "http"
    name = "127.0.0.1" if listens in ANY_ADDRESS else listens
    return f"{scheme}://{f'[{name}]' if ':' in name else name}:{args.port}"
