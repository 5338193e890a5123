"""A small host like ComfyUI 0.3.64: its server's routes, its check of origins, its custom nodes.

Runs in a folder with custom_nodes/; prints `ready PORT` when it is up.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import types
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

HOST_ROOT = Path.cwd()
CHECKPOINTS = HOST_ROOT / "models" / "checkpoints"
FRONT_END = Path(__file__).parent / "comfyui-front-end"


def parse_flags() -> argparse.Namespace:
    """comfy.cli_args, as far as the bridge looks at it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--listen", default="127.0.0.1")
    parser.add_argument("--tls-certfile", default=None)
    return parser.parse_args()


@web.middleware
async def origin_only_middleware(request: web.Request, handler: Any) -> web.StreamResponse:
    """server.py:107-141: an origin that is not the host's is refused, on loopback."""
    host, origin = request.headers.get("Host", ""), request.headers.get("Origin", "")
    is_loopback = urlsplit(f"//{host}").hostname in ("127.0.0.1", "localhost")
    if origin and is_loopback and urlsplit(origin).netloc not in ("", host):
        return web.Response(status=403)
    return await handler(request)


class PromptServer:
    """server.PromptServer."""

    instance: PromptServer

    def __init__(self) -> None:
        PromptServer.instance = self
        self.app = web.Application(middlewares=[origin_only_middleware])
        self.routes = web.RouteTableDef()
        self.web_folders: dict[str, Path] = {}

        @self.routes.get("/extensions")
        async def get_extensions(_: web.Request) -> web.Response:
            return web.json_response(
                [
                    f"/extensions/{name}/{script.relative_to(folder).as_posix()}"
                    for name, folder in self.web_folders.items()
                    for script in sorted(folder.glob("**/*.js"))
                ]
            )

        @self.routes.get("/models/{folder}")
        async def get_models(_: web.Request) -> web.Response:
            return web.json_response(checkpoint_names())

        @self.routes.get("/experiment/models")
        async def get_model_folders(_: web.Request) -> web.Response:
            return web.json_response([{"name": "checkpoints", "folders": [str(CHECKPOINTS)]}])

        @self.routes.get("/experiment/models/{folder}")
        async def get_model_files(_: web.Request) -> web.Response:
            names = checkpoint_names()
            return web.json_response([{"name": name, "pathIndex": 0} for name in names])

        @self.routes.get("/queue")
        async def get_queue(_: web.Request) -> web.Response:
            return web.json_response({"queue_running": [], "queue_pending": []})

        @self.routes.get("/system_stats")
        async def get_system_stats(_: web.Request) -> web.Response:
            return web.json_response({"system": {}, "devices": []})

    def add_routes(self) -> None:
        """Each of RouteTableDef is served under /api too."""
        api_routes = web.RouteTableDef()
        for route in self.routes:
            if isinstance(route, web.RouteDef):
                api_routes.route(route.method, f"/api{route.path}")(route.handler)
        self.app.add_routes(api_routes)
        self.app.add_routes(self.routes)
        for name, folder in self.web_folders.items():
            self.app.add_routes([web.static(f"/extensions/{name}", folder)])
        self.app.add_routes([web.get("/", send_page), web.static("/", FRONT_END)])


def checkpoint_names() -> list[str]:
    return sorted(file.name for file in CHECKPOINTS.glob("*.safetensors"))


async def send_page(_: web.Request) -> web.FileResponse:
    return web.FileResponse(FRONT_END / "index.html")


def add_host_modules(flags: argparse.Namespace) -> None:
    """Makes the imports of custom nodes work."""
    cli_args: Any = types.ModuleType("comfy.cli_args")
    cli_args.args = flags
    folder_paths: Any = types.ModuleType("folder_paths")
    folder_paths.base_path = str(HOST_ROOT)
    server: Any = types.ModuleType("server")
    server.PromptServer = PromptServer
    sys.modules.update(
        {
            "comfy": types.ModuleType("comfy"),
            "comfy.cli_args": cli_args,
            "folder_paths": folder_paths,
            "server": server,
        }
    )


def load_custom_nodes(prompt_server: PromptServer) -> None:
    """nodes.py:2135-2200."""
    for folder in sorted((HOST_ROOT / "custom_nodes").iterdir()):
        spec = importlib.util.spec_from_file_location(
            str(folder).replace(".", "_x_"), folder / "__init__.py"
        )
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        web_directory = getattr(module, "WEB_DIRECTORY", None)
        if web_directory is not None:
            prompt_server.web_folders[folder.name] = (folder / web_directory).resolve()
        if getattr(module, "NODE_CLASS_MAPPINGS", None) is None:
            print(f"Skip {folder} module for custom nodes", flush=True)


def main() -> None:
    """Runs the host until it is killed."""
    flags = parse_flags()
    add_host_modules(flags)
    prompt_server = PromptServer()
    load_custom_nodes(prompt_server)
    prompt_server.add_routes()

    web.run_app(
        prompt_server.app,
        host=flags.listen,
        port=flags.port,
        # Called once it listens.
        print=lambda _: print(f"ready {flags.port}\n", end="", flush=True),
    )


main()
