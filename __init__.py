"""Loaded by ComfyUI; see bridges/."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent / "bridges"))

from erase_concept import comfyui

comfyui.register()

NODE_CLASS_MAPPINGS = {}
WEB_DIRECTORY = "./bridges/erase_concept/web"
