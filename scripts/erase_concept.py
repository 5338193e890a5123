"""Loaded by stable-diffusion-webui and its forks; see bridges/."""

import sys
from pathlib import Path

BRIDGES = str(Path(__file__).resolve().parents[1] / "bridges")
if BRIDGES not in sys.path:
    sys.path.append(BRIDGES)

from erase_concept import a1111

a1111.register()
