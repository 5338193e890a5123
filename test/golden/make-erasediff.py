"""Makes erasediff.json and erasediff.safetensors: what PyTorch's EraseDiff loops computed, without
what can be drawn again.

Every input of the recorded runs comes from `torch.manual_seed` of the variant, in the order of
`forget_batch` and `retain_batch` below (checked here to the bit). One variant's anchor was not
recorded at all; its place in the stream is that of the others'. Of the tables of weights, kept is
what the replay compares, in the order of the names: the norm of each parameter's change and eight
elements of it.

Run by hand, when the recordings change: python make-erasediff.py FOLDER_OF_THE_FULL_FILES
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file

HERE = Path(__file__).parent
LATENT, CONTEXT = (2, 4, 16, 16), (2, 77, 64)
DELTA_NORM, DELTA_SAMPLES = 3, slice(12, 20)


def forget_batch():
    x, context, anchor = torch.randn(LATENT), torch.randn(CONTEXT), torch.randn(1, *CONTEXT[1:])
    t, noise, uniform = torch.randint(0, 1000, (2,)), torch.randn(LATENT), torch.rand(LATENT)
    parts = {"x_forget": x, "ctx_forget": context, "ctx_pseudo": anchor, "t": t, "noise": noise}
    return {**parts, "uniform": uniform, "x_pseudo": x + 0.02 * torch.randn(LATENT)}


def retain_batch():
    x, context = torch.randn(LATENT), torch.randn(CONTEXT)
    return {"x": x, "ctx": context, "t": torch.randint(0, 1000, (2,)), "noise": torch.randn(LATENT)}


def check(full, prefix, batch):
    found = {key[len(prefix) :]: value for key, value in full.items() if key.startswith(prefix)}
    assert found, prefix
    for part, value in found.items():
        assert np.array_equal(batch[part].numpy(), value), prefix + part


def check_draws(full, name, variant):
    torch.manual_seed(variant["seed"])
    batches = variant.get("n_forget_batches", 1)
    for i in range(len(variant.get("epochs", variant.get("iterations")))):
        for j in range(variant["K"]):
            for b in range(batches):
                check(full, f"{name}.{i}.inner.{j}.{b}.", forget_batch())
        for b in range(batches):
            check(full, f"{name}.{i}.outer.{b}.remain.", retain_batch())
            check(full, f"{name}.{i}.outer.{b}.forget.", forget_batch())


variants, tables = {}, {}
for recording in ("erasediff-steps", "erasediff-value"):
    full = load_file(Path(sys.argv[1]) / f"{recording}.safetensors")
    results = json.loads((Path(sys.argv[1]) / f"{recording}.results.json").read_text())
    for name, variant in results["variants"].items():
        check_draws(full, name, variant)
        variants[name] = variant
    kept = [key for key in full if key.endswith(".theta")]
    for key in kept:
        order = [results["table_rows"].index(row) for row in sorted(results["table_rows"])]
        table = full[key][order]
        columns = [table[:, DELTA_NORM : DELTA_NORM + 1], table[:, DELTA_SAMPLES]]
        tables[key] = np.concatenate(columns, axis=1).astype(np.float32)
save_file(tables, HERE / "erasediff.safetensors")
(HERE / "erasediff.json").write_text(json.dumps(variants, separators=(",", ":")))
