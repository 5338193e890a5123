"""Run by the web UIs when they install what an extension needs; see bridges/."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent / "bridges"))

from erase_concept.node import NotReady, install_missing

try:
    install_missing()
except NotReady as error:
    sys.exit(str(error))
