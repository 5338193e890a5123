"""Loads the parts of a single-file Stable Diffusion v1 checkpoint into the modules beside this."""

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn as nn
from safetensors.torch import load_file

import clip_text
import ldm_unet
import ldm_vae

PREFIXES = {
    "unet": "model.diffusion_model.",
    "vae": "first_stage_model.",
    "text": "cond_stage_model.transformer.",
}


@dataclass
class StableDiffusion:
    unet: ldm_unet.UNet
    vae: ldm_vae.AutoencoderKL
    text: clip_text.ClipText


def load_part(module: nn.Module, tensors: dict[str, torch.Tensor], prefix: str) -> nn.Module:
    """Fills a module with the tensors under a prefix, as float32; every name must match."""
    own = {
        name.removeprefix(prefix): value.float() if value.is_floating_point() else value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }
    module.load_state_dict(own)
    return module


def load_tiny_sd(folder: Path) -> StableDiffusion:
    tensors = load_file(folder / "tiny-sd.safetensors")
    return StableDiffusion(
        unet=load_part(ldm_unet.UNet(ldm_unet.TINY_SD), tensors, PREFIXES["unet"]),
        vae=load_part(ldm_vae.AutoencoderKL(ldm_vae.TINY_SD), tensors, PREFIXES["vae"]),
        text=load_part(clip_text.ClipText(clip_text.TINY_SD), tensors, PREFIXES["text"]),
    )
