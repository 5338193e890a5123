"""The sidecar's life: started once with the host, started again if it dies, ended with the host."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from .node import Node, NotReady, require_ready
from .plugin import PLUGIN, ROOT

# Deaths in a row after which it stays dead: with the pauses between them more than the minute that
# a predecessor may take to save what it trains.
MAX_FAILURES = 8
MAX_PAUSE_SECONDS = 30.0
# Whoever lived this long did not die of what it was started with.
STABLE_SECONDS = 120.0
START_SECONDS = 120.0
HEALTH_SECONDS = 5.0
LOG_LINES = 300
USAGE_STATUS = 2
STARTING = ("starting", "It is starting.")
ANY_ADDRESS = ("", "0.0.0.0", "::")


@dataclass(frozen=True)
class HostSettings:
    """What the sidecar is told of the host that it belongs to."""

    kind: str
    url: str
    data_folder: Path
    # `user:password` of the host's own API.
    credentials: str | None = None
    # Whether missing packages may be installed when the host starts.
    may_install: bool = True


@dataclass(frozen=True)
class Address:
    """Where a running sidecar answers, and to whom."""

    port: int
    token: str = field(repr=False)

    @property
    def authority(self) -> str:
        """What its Host header must be."""
        return f"127.0.0.1:{self.port}"


@dataclass(frozen=True)
class Status:
    """How the sidecar is, for people."""

    state: str
    message: str
    log: list[str]


class Sidecar:
    """One sidecar process at a time, attended by a thread."""

    def __init__(self, settings: HostSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._is_attended = False
        self._log: deque[str] = deque(maxlen=LOG_LINES)
        self._state, self._message = STARTING
        self._link: Address | None = None
        self._address: Address | None = None

    @property
    def address(self) -> Address | None:
        """Where it answers; None while it does not."""
        return self._address

    def status(self) -> Status:
        """How it is, and the last lines of its log."""
        return Status(self._state, self._message, list(self._log))

    def start(self) -> None:
        """Starts it unless it is being attended already."""
        with self._lock:
            if self._is_attended:
                return
            self._is_attended = True
            self._state, self._message = STARTING
        threading.Thread(target=self._attend, name=PLUGIN.name, daemon=True).start()

    def _attend(self) -> None:
        try:
            self._keep_running(self._prepare())
        except NotReady as error:
            self._give_up(str(error))
        except Exception as error:  # The thread's end: whatever it is, it must be said.
            self._give_up(f"{type(error).__name__}: {error}")

    def _give_up(self, message: str) -> None:
        # At once, lest who reads the one asks for a start that the other refuses.
        with self._lock:
            self._tell("failed", message)
            self._is_attended = False

    def _prepare(self) -> Node:
        try:
            return require_ready()
        except NotReady as missing:
            if not self._settings.may_install:
                raise
            self._tell("installing", f"Missing packages are being installed. {missing}")
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "install.py")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._read(process.stdout)
        process.wait()
        return require_ready()

    def _keep_running(self, node: Node) -> None:
        failures = 0
        while True:
            self._tell(*STARTING)
            started = time.monotonic()
            status = self._run(node)
            self._address = None
            failures = 1 if time.monotonic() - started > STABLE_SECONDS else failures + 1
            ending = f"The sidecar ended with exit status {status}."
            if failures > MAX_FAILURES or status == USAGE_STATUS:
                raise NotReady(f"{ending} The log says why.")
            pause = min(2.0 ** (failures - 1), MAX_PAUSE_SECONDS)
            self._tell("starting", f"{ending} It is started again in {pause:.0f} s.")
            time.sleep(pause)

    def _run(self, node: Node) -> int:
        """Runs one process to its end."""
        self._link = None
        process = subprocess.Popen(
            self._command(node),
            cwd=ROOT,
            env=self._environment(),
            # Never written to: the system closes it when the host ends, however it ends.
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            **_own_process_group(),
        )
        threading.Thread(target=self._read, args=[process.stdout], daemon=True).start()
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None:
            if self._link is not None and _is_healthy(self._link):
                self._address = self._link
                self._tell("running", f"It runs on port {self._link.port}.")
                break
            if time.monotonic() > deadline:
                self._note(f"It did not answer within {START_SECONDS:.0f} s and is ended.")
                process.kill()
            time.sleep(0.1)
        return process.wait()

    def _command(self, node: Node) -> list[str]:
        settings = self._settings
        _, *arguments = PLUGIN.start
        command = [node.executable, *arguments, "--watch-parent"]
        command += ["--port", str(_free_port(PLUGIN.port))]
        command += ["--data", str(settings.data_folder)]
        command += ["--host", settings.kind, "--host-url", settings.url]
        # SD.Next names its models by paths from where it runs.
        command += ["--host-folder", os.getcwd()]
        return command

    def _environment(self) -> dict[str, str]:
        environment = dict(os.environ)
        if self._settings.credentials is not None:
            environment["ERASE_CONCEPT_HOST_AUTH"] = self._settings.credentials
        if self._settings.url.startswith("https:"):
            # The host's certificate is for its public name; this connection stays on the machine.
            environment["NODE_TLS_REJECT_UNAUTHORIZED"] = "0"
        return environment

    def _read(self, output: IO[bytes]) -> None:
        for line in output:
            text = line.decode("utf-8", "replace").rstrip()
            match = re.search(r"http://[^/\s]+:(\d+)/\?token=(\S+)", text)
            if match:
                # Not into the log, which is shown.
                self._link = Address(int(match[1]), match[2])
            elif text:
                self._note(text)

    def _tell(self, state: str, message: str) -> None:
        self._state, self._message = state, message
        self._note(message)
        # In one piece: other threads of the host print too.
        print(f"[{PLUGIN.title}] {message}\n", end="", flush=True)

    def _note(self, text: str) -> None:
        self._log.append(f"{time.strftime('%H:%M:%S')} {text}")


_sidecar: Sidecar | None = None


def start_once(settings: HostSettings) -> Sidecar:
    """The sidecar of this process, started if it was not: hosts call this at every reload."""
    global _sidecar
    if _sidecar is None:
        _sidecar = Sidecar(settings)
    _sidecar.start()
    return _sidecar


def own_url(listens: str, port: int, has_certificate: bool) -> str:
    """Where a host that listens on an address, or on every one, is reached from this machine."""
    name = "127.0.0.1" if listens in ANY_ADDRESS else listens
    scheme = "https" if has_certificate else "http"
    return f"{scheme}://{f'[{name}]' if ':' in name else name}:{port}"


def data_folder(host_root: str) -> Path:
    """Where the jobs of a host are kept: apart from those of other hosts, which may run too."""
    chosen = os.environ.get("ERASE_CONCEPT_DATA", "").strip()
    if chosen:
        return Path(chosen)
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    name = re.sub(r"[^\w.-]+", "-", str(Path(host_root).resolve())).strip("-")
    return base / PLUGIN.name / "hosts" / name


def _own_process_group() -> dict:
    """Keeps Ctrl-C in the host's terminal from it: it ends with the host, saved."""
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        return {"creationflags": flags}
    return {"start_new_session": True}


def _free_port(wanted: int) -> int:
    """The wanted one, or 0 for any where another program has it."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return 0
    return wanted


def _is_healthy(address: Address) -> bool:
    url = f"http://{address.authority}{PLUGIN.health}"
    # Without the proxies of the environment: they do not reach this machine's own ports.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=HEALTH_SECONDS) as answer:
            return answer.status == 200
    except (OSError, urllib.error.URLError):
        return False
