"""Embeddings (textual inversion) in the forms that people have them in, for tiny-sd (64 numbers a vector).

Usage: python test/golden/make-embeddings.py   (needs torch and safetensors)
"""

import collections
import os
import pathlib

import torch
from safetensors.torch import save_file

folder = pathlib.Path(__file__).parent / "embeddings"
folder.mkdir(exist_ok=True)
torch.manual_seed(7)
vectors = torch.randn(2, 64) * 0.02

# AUTOMATIC1111's own form, once as it writes it and once as parameters of a module.
common = {"string_to_token": {"*": 265}, "name": "sks_style", "step": 1500, "sd_checkpoint": None}
torch.save({**common, "string_to_param": {"*": vectors}}, folder / "sks_style.pt")
parameters = torch.nn.ParameterDict({"*": torch.nn.Parameter(vectors.half())})
torch.save({**common, "string_to_param": parameters}, folder / "parameters.pt")
# diffusers, one vector; a slice of something larger is stored with all of it.
torch.save({"<sks-toy>": torch.cat([vectors, vectors])[1]}, folder / "learned_embeds.bin")
# A trainer's, with things beside it, in dictionaries within one another.
state = collections.OrderedDict([("first", vectors.bfloat16()), ("second", torch.arange(3))])
torch.save({"epoch": 3, "lr": 1e-4, "state_dict": state, "shape": vectors.shape}, folder / "trainer.ckpt")
torch.save({"emb_params": vectors.t()}, folder / "transposed.pt")
torch.save(vectors, folder / "legacy.pt", _use_new_zipfile_serialization=False)


class Evil:
    def __reduce__(self):
        return os.system, ("echo run > /dev/null",)


torch.save({"emb_params": vectors, "x": Evil()}, folder / "evil.pt")
save_file({"emb_params": vectors}, folder / "kohya.safetensors")
save_file({"values": vectors}, folder / "expected.safetensors")
