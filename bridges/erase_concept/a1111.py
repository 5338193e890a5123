"""AUTOMATIC1111's stable-diffusion-webui and its forks: the tab, and the page behind it."""

from __future__ import annotations

import base64
import re
import secrets
from html import escape
from pathlib import Path
from typing import Any

import gradio
import httpx
from modules import script_callbacks, shared

from .answers import PREFIX
from .plugin import PLUGIN
from .private_api import CREDENTIALS, PRIVATE_PREFIX, PrivateApiRoute, has_route, make_private_api
from .proxy_asgi import Gate, Message, ProxyRoute, add_route, headers_of
from .sidecar import HostSettings, data_folder, own_url, start_once

# Of the web UI, and of the API alone (--nowebui).
DEFAULT_PORT = 7860
DEFAULT_API_PORT = 7861

# The script in javascript/ adds the theme. Relative: the host may be served from a folder.
IFRAME = (
    '<iframe id="erase-concept-frame" title="{title}" src="{source}" loading="lazy" '
    'style="width: 100%; height: calc(100vh - 11rem); min-height: 30rem; border: 0"></iframe>'
)


def register() -> None:
    """Tells the host of the tab and of the sidecar."""
    script_callbacks.on_ui_tabs(_make_tab)
    script_callbacks.on_app_started(_on_app_started)


def _make_tab() -> list[tuple[gradio.Blocks, str, str]]:
    with gradio.Blocks(analytics_enabled=False) as tab:
        gradio.HTML(IFRAME.format(title=escape(PLUGIN.title), source=PREFIX[1:]))
    return [(tab, PLUGIN.title, PLUGIN.name.replace("-", "_"))]


def _on_app_started(demo: Any, app: Any) -> None:
    """Called again after "Reload UI", with a new app."""
    # Some always have it.
    private_api = None if has_route(app, "/sdapi/v1/options") else _private_api()
    sidecar = start_once(
        HostSettings(
            kind="a1111",
            url=_host_url(demo) + (PRIVATE_PREFIX if private_api else ""),
            data_folder=data_folder(_host_root()),
            credentials=CREDENTIALS if private_api else _credentials(),
            may_install=not _option("skip_install"),
        )
    )
    add_route(app, ProxyRoute(sidecar, HostGate(demo, app)))
    if private_api:
        add_route(app, private_api)


def _private_api() -> PrivateApiRoute | None:
    try:
        return PrivateApiRoute(make_private_api())
    except Exception as error:  # Of a host that is made in another way: it can be asked for --api.
        reason = f"{type(error).__name__}: {error}"
        print(f"[{PLUGIN.title}] Without --api it cannot ask this web UI for its models. {reason}")
        return None


class HostGate(Gate):
    """Lets in whom the host lets in: its own login decides, where it has one."""

    def __init__(self, demo: Any, app: Any) -> None:
        share = httpx.URL(getattr(demo, "share_url", None) or "").host
        super().__init__(
            names=(share,) if share else (),
            login_headers={"www-authenticate": "Basic"} if demo is None else {},
        )
        self._app = app
        self._has_page = demo is not None

    def takes_any_name(self) -> bool:
        listens = _option("listen") or _option("server_name") not in (None, "127.0.0.1")
        return bool(listens or self._asks_for_login())

    async def lets_in(self, scope: Message) -> bool:
        headers = headers_of(scope)
        if not self._has_page:
            return _knows_api_password(headers.get("authorization", ""))
        if not self._asks_for_login():
            return True
        # Gradio itself is asked, since each version keeps its logins in another way.
        transport = httpx.ASGITransport(app=self._app)
        async with httpx.AsyncClient(transport=transport, base_url="http://host") as gradio_app:
            answer = await gradio_app.get(
                "/login_check", headers={"cookie": headers.get("cookie", "")}
            )
        return answer.status_code == 200

    def _asks_for_login(self) -> bool:
        if not self._has_page:
            return bool(_option("api_auth"))
        app = self._app
        return bool(getattr(app, "auth", None) or getattr(app, "auth_dependency", None))


def _knows_api_password(authorization: str) -> bool:
    """The host without a page asks for the password of its API, if it has one."""
    users = (_option("api_auth") or "").split(",")
    if users == [""]:
        return True
    scheme, _, encoded = authorization.partition(" ")
    try:
        given = base64.b64decode(encoded).decode()
    except ValueError:
        return False
    matches = [secrets.compare_digest(given.encode(), user.strip().encode()) for user in users]
    return scheme.lower() == "basic" and any(matches)


def _credentials() -> str | None:
    """The first user of the host's API: SD.Next has one list for page and API."""
    users = _option("api_auth") or _option("auth") or _read(_option("auth_file"))
    # Command lines leave the quotes on which its documentation has around them.
    return re.split("[,\n]", users)[0].strip(' "\r') if users else None


def _read(file: str | None) -> str | None:
    return Path(file).read_text(encoding="utf-8").strip() if file else None


def _host_url(demo: Any) -> str:
    default = DEFAULT_PORT if demo is not None else DEFAULT_API_PORT
    port = getattr(demo, "server_port", None) or _option("port") or default
    return own_url(_option("server_name") or "", port, bool(_option("tls_certfile")))


def _host_root() -> str:
    from modules import paths

    return str(getattr(paths, "data_path", None) or paths.script_path)


def _option(name: str) -> Any:
    """A command-line option of the host; None where this fork has none of that name."""
    return getattr(shared.cmd_opts, name, None)
