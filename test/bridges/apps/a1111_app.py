"""A small host like stable-diffusion-webui 1.10.1: its gradio, its order of calls, its callbacks.

Runs in a folder with extensions/; prints `ready PORT` whenever it is up. SIGUSR1 is "Reload UI".
"""

from __future__ import annotations

import argparse
import importlib.util
import signal
import sys
import threading
import types
from pathlib import Path
from typing import Any

import gradio
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPBasic, HTTPBasicCredentials

HOST_ROOT = Path.cwd()

# script.js and javascript/ui.js, as far as extensions use them.
OWN_SCRIPT = """
const gradioApp = () => document;
const onUiLoaded = (work) => {
  const timer = setInterval(() => {
    if (!document.querySelector('#tab_txt2img')) return;
    clearInterval(timer);
    work();
  }, 50);
};
let desiredCheckpointName = '';
const choices = [];
const selectCheckpoint = (name) => {
  desiredCheckpointName = name;
  choices.push(name);
};
"""


def parse_flags() -> argparse.Namespace:
    """The host's flags, as far as the bridge looks at them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--subpath", default="")
    parser.add_argument("--gradio-auth", default=None)
    parser.add_argument("--api", action="store_true")
    parser.add_argument("--api-auth", default=None)
    parser.add_argument("--listen", action="store_true")
    parser.add_argument("--server-name", default=None)
    parser.add_argument("--tls-certfile", default=None)
    parser.add_argument("--ckpt-dir", default=None)
    parser.add_argument("--nowebui", action="store_true")
    parser.add_argument("--skip-install", action="store_true")
    parser.add_argument("--auth-file", default=None)
    parser.add_argument("--paths-from-root", action="store_true")
    return parser.parse_args()


class Callbacks(types.ModuleType):
    """modules.script_callbacks."""

    def __init__(self) -> None:
        super().__init__("modules.script_callbacks")
        self.clear()

    def clear(self) -> None:
        self.ui_tabs: list[Any] = []
        self.app_started: list[Any] = []

    def on_ui_tabs(self, callback: Any, *, name: str | None = None) -> None:
        self.ui_tabs.append(callback)

    def on_app_started(self, callback: Any, *, name: str | None = None) -> None:
        self.app_started.append(callback)


def add_host_modules(flags: argparse.Namespace) -> Callbacks:
    """Makes `from modules import …` work for extensions."""
    callbacks = Callbacks()
    modules = types.ModuleType("modules")
    shared: Any = types.ModuleType("modules.shared")
    shared.cmd_opts = flags
    shared.opts = types.SimpleNamespace()
    paths: Any = types.ModuleType("modules.paths")
    paths.data_path = paths.script_path = str(HOST_ROOT)
    call_queue: Any = types.ModuleType("modules.call_queue")
    call_queue.queue_lock = threading.Lock()
    api: Any = types.ModuleType("modules.api.api")
    api.Api = Api
    for module in (callbacks, shared, paths, call_queue, api):
        _, name, *_ = module.__name__.split(".")
        setattr(modules, name, module)
        sys.modules[module.__name__] = module
    sys.modules["modules"] = modules
    sys.modules["modules.api"] = types.ModuleType("modules.api")
    networks: Any = types.ModuleType("networks")
    lora = types.SimpleNamespace(name="less", filename="/LoRAs/less.sft")
    networks.available_networks = {lora.name: lora}
    sys.modules["networks"] = networks
    return callbacks


class Api:
    """modules.api.api.Api: the part of it that a sidecar asks before it changes anything."""

    def __init__(self, app: Any, queue_lock: Any) -> None:
        self.app = app
        self.queue_lock = queue_lock
        auth = sys.modules["modules.shared"].cmd_opts.api_auth
        self.credentials = dict(user.split(":") for user in auth.split(",")) if auth else {}
        auth_file = sys.modules["modules.shared"].cmd_opts.auth_file
        if auth_file:
            lines = Path(auth_file).read_text().splitlines()
            self.credentials |= dict(line.split(":", 1) for line in lines)
        self.files = sorted((HOST_ROOT / "models" / "Stable-diffusion").glob("*.safetensors"))
        self.add_api_route("/sdapi/v1/progress", self.progressapi, methods=["GET"])
        self.add_api_route("/sdapi/v1/options", self.get_config, methods=["GET"])
        self.add_api_route("/sdapi/v1/extensions", self.get_extensions_list, methods=["GET"])
        self.add_api_route("/sdapi/v1/sd-models", self.get_sd_models, methods=["GET"])

    def add_api_route(self, path: str, endpoint: Any, **kwargs: Any) -> None:
        """As in the host: the password of --api-auth guards every route."""
        dependencies = [Depends(self.auth)] if self.credentials else []
        self.app.add_api_route(path, endpoint, dependencies=dependencies, **kwargs)

    def auth(self, credentials: HTTPBasicCredentials = Depends(HTTPBasic())) -> None:
        if self.credentials.get(credentials.username) != credentials.password:
            raise HTTPException(status_code=401)

    def progressapi(self) -> dict[str, Any]:
        return {"progress": 0.0, "state": {"job": ""}}

    def get_config(self) -> dict[str, str]:
        return {"sd_model_checkpoint": self.files[0].name}

    def get_extensions_list(self) -> list[Any]:
        return []

    def get_sd_models(self) -> list[dict[str, str]]:
        return [
            {"title": file.name, "model_name": file.stem, "filename": self.path_of(file)}
            for file in self.files
        ]

    def path_of(self, file: Path) -> str:
        """SD.Next names what is below the folder that it runs in by the path from there."""
        from_root = sys.modules["modules.shared"].cmd_opts.paths_from_root
        return str(file.relative_to(HOST_ROOT) if from_root else file)


def load_scripts() -> None:
    """Imports the scripts of all extensions anew, as modules/scripts.py does."""
    for script in sorted(HOST_ROOT.glob("extensions/*/scripts/*.py")):
        spec = importlib.util.spec_from_file_location(script.name, script)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)


def javascript() -> str:
    """The scripts of all extensions after what they use of the host's own."""
    scripts = sorted(HOST_ROOT.glob("extensions/*/javascript/*.js"))
    return "\n".join([OWN_SCRIPT, *(script.read_text() for script in scripts)])


def make_ui(callbacks: Callbacks) -> gradio.Blocks:
    """The page with the host's own tab and those of the extensions."""
    tabs = [tab for callback in callbacks.ui_tabs for tab in callback() or []]
    with gradio.Blocks(title="Stable Diffusion", analytics_enabled=False) as demo:
        with gradio.Tabs(elem_id="tabs"):
            with gradio.TabItem("txt2img", id="txt2img", elem_id="tab_txt2img"):
                gradio.Textbox(label="Prompt")
            for blocks, title, name in tabs:
                with gradio.TabItem(title, id=name, elem_id=f"tab_{name}"):
                    blocks.render()
    return demo


def add_javascript(app: Any) -> None:
    """As the host does: with a page of gradio's that has one more script."""

    @app.get("/extensions.js")
    def extensions_js() -> Any:
        from starlette.responses import Response

        return Response(javascript(), media_type="text/javascript")

    import gradio.routes

    make_response = gradio.routes.templates.TemplateResponse

    def with_scripts(*args: Any, **kwargs: Any) -> Any:
        response = make_response(*args, **kwargs)
        script = b'<script src="extensions.js"></script></head>'
        response.body = response.body.replace(b"</head>", script)
        response.init_headers()
        return response

    if not getattr(make_response, "is_patched", False):
        with_scripts.is_patched = True
        gradio.routes.templates.TemplateResponse = with_scripts


def add_internal(app: Any) -> None:
    """What the page itself asks for, with the API or without."""

    @app.get("/internal/ping")
    def ping() -> dict[str, str]:
        return {}


def run_page(flags: argparse.Namespace, callbacks: Callbacks) -> None:
    """webui(): launches, tells the extensions, and does it again at every reload."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    while True:
        demo = make_ui(callbacks)
        app, _, _ = demo.launch(
            server_name=flags.server_name or ("0.0.0.0" if flags.listen else None),
            server_port=flags.port,
            auth=[tuple(flags.gradio_auth.split(":"))] if flags.gradio_auth else None,
            prevent_thread_lock=True,
            show_error=True,
            root_path=f"/{flags.subpath}" if flags.subpath else "",
            quiet=True,
        )
        app.user_middleware = [
            middleware
            for middleware in app.user_middleware
            if middleware.cls.__name__ != "CORSMiddleware"
        ]
        app.middleware_stack = None
        from starlette.middleware.gzip import GZipMiddleware

        app.add_middleware(GZipMiddleware, minimum_size=1000)
        app.middleware_stack = app.build_middleware_stack()
        add_javascript(app)
        add_internal(app)
        if flags.api:
            Api(app, threading.Lock())
        for callback in callbacks.app_started:
            callback(demo, app)
        print(f"ready {demo.server_port}\n", end="", flush=True)
        signal.sigwait({signal.SIGUSR1})
        demo.close()
        callbacks.clear()
        load_scripts()


def run_api(flags: argparse.Namespace, callbacks: Callbacks) -> None:
    """api_only()."""
    import uvicorn

    app = FastAPI()
    Api(app, threading.Lock())
    for callback in callbacks.app_started:
        callback(None, app)

    class Server(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            print(f"ready {flags.port}\n", end="", flush=True)

    Server(uvicorn.Config(app, host="127.0.0.1", port=flags.port, log_level="warning")).run()


def main() -> None:
    """Runs the host until it is killed."""
    flags = parse_flags()
    callbacks = add_host_modules(flags)
    load_scripts()
    (run_api if flags.nowebui else run_page)(flags, callbacks)


main()
