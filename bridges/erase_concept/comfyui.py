"""ComfyUI: the page behind the sidebar tab; the tab itself is web/erase-concept.js."""

from __future__ import annotations

import folder_paths
from comfy.cli_args import args
from server import PromptServer

from .proxy_aiohttp import add_proxy
from .sidecar import HostSettings, data_folder, own_url, start_once

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def register() -> None:
    """Starts the sidecar and serves its page; called while ComfyUI loads its custom nodes."""
    listens = [address.strip() for address in args.listen.split(",")]
    sidecar = start_once(
        HostSettings(
            kind="comfyui",
            url=own_url(listens[0], args.port, bool(args.tls_certfile)),
            data_folder=data_folder(folder_paths.base_path),
        )
    )
    is_open = any(address not in LOOPBACK for address in listens)
    add_proxy(PromptServer.instance.routes, sidecar, lambda: is_open)
