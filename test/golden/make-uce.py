"""Makes uce.safetensors: matrices as UCE's closed form edits them, in float64 and rounded once.

Sums and inverse are written as the authors' code has them (uce_sd_erase.py of
rohitgandikota/unified-concept-editing: mat1 and mat2, one outer product for each pair of states). The
inputs are drawn again from the seed by test/methods/uce-golden.test.ts, in the same order.

Run by hand, when the reference changes: python make-uce.py
"""

from pathlib import Path

import torch
from safetensors.torch import save_file

SEED = 20261129
WIDTH = 136  # of a token's state; more than is inverted at once
ROWS = {"to_k": 40, "to_v": 24}
TOKENS = 9
FORGET, RETAIN = 3, 4
ERASE_SCALE, PRESERVE_SCALE, LAMBDA = 1.0, 0.5, 0.25

torch.manual_seed(SEED)
weights = {name: torch.randn(rows, WIDTH).double() for name, rows in ROWS.items()}
forgotten = [(torch.randn(TOKENS, WIDTH).double(), torch.randn(TOKENS, WIDTH).double()) for _ in range(FORGET)]
kept = [torch.randn(TOKENS, WIDTH).double() for _ in range(RETAIN)]


def edited(w_old):
    mat1 = LAMBDA * w_old
    mat2 = LAMBDA * torch.eye(WIDTH, dtype=torch.float64)
    pairs = [(c, guide, ERASE_SCALE) for c, guide in forgotten] + [(c, c, PRESERVE_SCALE) for c in kept]
    for states, guides, scale in pairs:
        for c, guide in zip(states, guides):
            value = w_old @ guide
            mat1 = mat1 + scale * torch.outer(value, c)
            mat2 = mat2 + scale * torch.outer(c, c)
    return mat1 @ torch.inverse(mat2)


save_file(
    {name: edited(w_old).float() for name, w_old in weights.items()},
    Path(__file__).parent / "uce.safetensors",
)
