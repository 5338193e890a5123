"""The tiny reference UNet in PyTorch, with the weights that models/unet-tiny.json tells."""

import json
import sys
from pathlib import Path

from random_weights import draw_again
from safetensors.torch import load_file

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "bench"))
import ldm_unet  # noqa: E402

PREFIX = "model.diffusion_model."


def load_original():
    table = json.loads((HERE / "models/unet-tiny.json").read_text())
    shapes = json.loads((HERE / "headers/unet-tiny.json").read_text())["tensors"]
    kept = load_file(HERE / "models/unet-tiny.safetensors")
    drawn = {name: shape for name, shape in shapes.items() if name not in table["shapes"]}
    weights = dict(draw_again(table["weight_seed"], drawn))
    weights.update({name: kept[name] for name in shapes if name in table["shapes"]})
    unet = ldm_unet.UNet(ldm_unet.GOLDEN_TINY)
    unet.load_state_dict({name.removeprefix(PREFIX): value for name, value in weights.items()})
    return unet.eval()


def sketch(tensor):
    """The norm of a tensor and its first eight elements."""
    values = (tensor.norm().item(), *tensor.flatten()[:8].tolist())
    return [float(f"{value:.7g}") for value in values]
