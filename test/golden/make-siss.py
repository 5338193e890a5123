"""Makes siss.json of the full siss.json and siss.gradients.json: the figures of one step of the SISS
authors' loss, and of each gradient of a parameter its norm and eight elements.

Run by hand, when the recording changes: python make-siss.py FOLDER_OF_THE_FULL_FILES
"""

import json
import sys
from pathlib import Path

folder = Path(sys.argv[1])
figures = json.loads((folder / "siss.json").read_text())
gradients = json.loads((folder / "siss.gradients.json").read_text())["gradients"]
names = ("lambd", "scaling_norm", "L_x", "L_a", "norm_grad_x", "norm_grad_a", "scaling_factor")
kept = {
    "figures": {name: figures[name] for name in (*names, "combined_norm", "clip_coefficient")},
    "change": {
        name: [float(f"{x:.7g}") for x in (of["grad_combined_clipped"]["l2"], *of["grad_combined_clipped"]["samples"])]
        for name, of in gradients.items()
    },
}
(Path(__file__).parent / "siss.json").write_text(json.dumps(kept) + "\n")
