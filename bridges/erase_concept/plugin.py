"""What plugin.yaml says of the sidecar."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Plugin:
    """The sidecar as a host sees it before it is started."""

    name: str
    version: str
    title: str
    start: list[str]
    port: int
    health: str
    node: str

    @property
    def node_minimum(self) -> tuple[int, ...]:
        """The oldest Node that will do, from a range like `>=20.19`."""
        match = re.fullmatch(r">=(\d+(?:\.\d+)*)", self.node)
        if match is None:
            raise ValueError(f'plugin.yaml: node must be like ">=20.19", got "{self.node}"')
        return tuple(int(part) for part in match[1].split("."))


def read_plugin() -> Plugin:
    """Reads plugin.yaml of this checkout."""
    fields = yaml.safe_load((ROOT / "plugin.yaml").read_text(encoding="utf-8"))
    return Plugin(**{name: fields[name] for name in Plugin.__dataclass_fields__})


PLUGIN = read_plugin()
