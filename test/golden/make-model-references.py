"""Makes models/*.safetensors: the full reference vectors without what can be drawn again.

The full files hold random weights, most of which `torch.randn` gives again from their seed (checked
here to the bit); of the text encoder's token table only the rows in use are kept. Gradients are
kept as 16-bit fractions of each one's largest value, an error of at most 1.6e-5 of it.

Run by hand, when a reference changes: python make-model-references.py FOLDER_OF_THE_FULL_FILES
"""

import json
import sys
from pathlib import Path

import numpy as np
from random_weights import draw_again
from safetensors.numpy import load_file, save_file

WEIGHTS = ("model.", "first_stage_model.")
TOKENS = "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight"
HERE = Path(__file__).parent


def reduce(folder, name):
    full = load_file(folder / f"{name}.safetensors")
    facts = json.loads((folder / f"{name}.json").read_text())
    kept, largest = {}, {}
    for key, tensor in full.items():
        if key.startswith(WEIGHTS):
            continue
        if key.startswith("grad."):
            largest[key] = float(np.abs(tensor).max())
            tensor = np.rint(tensor / largest[key] * 32767).astype(np.int16)
        if key == TOKENS:
            ids = np.unique(np.concatenate([full["in.ids"], full["in.ids_zero_padded"]]))
            kept["token_ids"], tensor = ids, tensor[ids].astype(np.float32)
        kept[key] = np.ascontiguousarray(tensor)
    shapes = {key: t.shape for key, t in full.items() if key.startswith(WEIGHTS)}
    for key, weight in draw_again(facts["weight_seed"], shapes):
        assert np.array_equal(weight.numpy(), full[key]), key
    save_file(kept, HERE / "models" / f"{name}.safetensors")
    parts = ("what", "reference", "torch", "weight_seed", "notes")
    facts = {part: facts[part] for part in parts if part in facts}
    table = {**facts, "shapes": {k: t.shape for k, t in kept.items() if k not in largest}, "largest": largest}
    (HERE / "models" / f"{name}.json").write_text(json.dumps(table, separators=(",", ":")))


for reference in ("unet-tiny", "unet-tiny-v2", "unet-tiny-xl", "clip-tiny", "vae-tiny"):
    reduce(Path(sys.argv[1]), reference)
