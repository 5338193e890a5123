"""What the bridge answers itself: refusals, and how the sidecar is while it cannot answer."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from html import escape
from urllib.parse import parse_qs

from .plugin import PLUGIN
from .sidecar import Sidecar, Status

# The path below the host's address at which the page is.
PREFIX = f"/{PLUGIN.name}/"

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="color-scheme" content="{scheme}">
{refresh}
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif }}
main {{ margin: 2rem auto; max-width: 52rem; padding: 0 1rem }}
p {{ white-space: pre-wrap }}
pre {{ overflow: auto; max-height: 60vh; border: 1px solid; padding: .75rem; font-size: 12px }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p role="status">{message}</p>
{button}
<h2>Log</h2>
<pre tabindex="0">{log}</pre>
</main>
</body>
</html>
"""


@dataclass(frozen=True)
class Answer:
    """An answer that needs no sidecar."""

    status: int
    content_type: str
    body: str
    headers: dict[str, str] = field(default_factory=dict)

    def all_headers(self) -> dict[str, str]:
        """Its headers, among them those that every answer of the bridge has."""
        return {
            "content-type": self.content_type,
            "cache-control": "no-store",
            "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; "
            "form-action 'self'; frame-ancestors 'self'; base-uri 'none'",
            "referrer-policy": "same-origin",
            **self.headers,
        }


def refused(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Answer:
    """A refusal, in the form of the sidecar's own."""
    return _json(status, {"error": {"code": code, "message": message}}, headers)


def own_answer(sidecar: Sidecar, method: str, path: str, query: str) -> Answer | None:
    """What the bridge answers by itself; None for what the sidecar answers.

    `path` is what follows PREFIX.
    """
    if path == "bridge/status" and method == "GET":
        return _json(200, asdict(sidecar.status()))
    if path == "bridge/restart" and method == "POST":
        sidecar.start()
        return Answer(303, "text/plain", "", {"location": f"../{_theme_query(query)}"})
    if sidecar.address is None:
        return unavailable(sidecar, path, query)
    return None


def unavailable(sidecar: Sidecar, path: str, query: str) -> Answer:
    """What is answered in the sidecar's place while it cannot."""
    status = sidecar.status()
    if path != "":
        return refused(503, "sidecar.unavailable", status.message)
    return Answer(503, "text/html; charset=utf-8", _page(status, query))


def _page(status: Status, query: str) -> str:
    has_failed = status.state == "failed"
    restart = f'<form method="post" action="bridge/restart{_theme_query(query)}">'
    return PAGE.format(
        title=escape(PLUGIN.title),
        scheme=_theme(query) or "light dark",
        refresh="" if has_failed else '<meta http-equiv="refresh" content="1">',
        message=escape(status.message),
        button=f"{restart}<button>Start again</button></form>" if has_failed else "",
        log=escape("\n".join(status.log)),
    )


def _theme(query: str) -> str | None:
    theme = parse_qs(query).get("theme", [""])[0]
    return theme if theme in ("dark", "light") else None


def _theme_query(query: str) -> str:
    theme = _theme(query)
    return f"?theme={theme}" if theme else ""


def _json(status: int, value: dict, headers: dict[str, str] | None = None) -> Answer:
    return Answer(status, "application/json", json.dumps(value), headers or {})
