"""Checks the PyTorch modules of this folder against golden vectors of the original implementations.

    python test/bench/check_models.py GOLDEN_FOLDER [--tiny-sd TINY_SD_FOLDER]

GOLDEN_FOLDER holds unet-tiny, unet-tiny-xl, vae-tiny and clip-tiny as .safetensors. Prints the
largest difference of each and fails above 1e-5 of the largest value (1e-3 for gradients).
"""

import argparse
from pathlib import Path

import torch
from safetensors.torch import load_file

import clip_text
import ldm_unet
import ldm_vae
from checkpoint import PREFIXES, load_part, load_tiny_sd

Tensor = torch.Tensor


def compare(label: str, actual: Tensor, expected: Tensor, tolerance: float = 1e-5):
    error = ((actual - expected).abs().max() / expected.abs().max()).item()
    print(f"{label}: {error:.1e}")
    assert error < tolerance, f"{label}: {error:.1e} is above {tolerance:.0e}"


def check_unet(path: Path, config: ldm_unet.UNetConfig):
    golden = load_file(path)
    unet = load_part(ldm_unet.UNet(config), golden, PREFIXES["unet"])
    inputs = (golden["in.x"], golden["in.timesteps"], golden["in.context"], golden.get("in.y"))
    plain = unet(*inputs)
    compare("unet", plain, golden["out.eps"])
    (plain - golden["target"]).square().mean().backward()
    gradients = {
        name: (p.grad, golden[f"grad.{PREFIXES['unet']}{name}"])
        for name, p in unet.named_parameters()
    }
    # A bias before a norm of one channel a group has gradient 0: only rounding is left there.
    floor = 1e-4 * max(expected.abs().max() for _, expected in gradients.values())
    worst = max(
        ((actual - expected).abs().max() / expected.abs().max().clamp(min=floor)).item()
        for actual, expected in gradients.values()
    )
    print(f"unet gradients: {worst:.1e}")
    assert worst < 1e-3
    unet.recompute = True
    compare("unet, checkpointed", unet(*inputs), golden["out.eps"])
    unet.use_published_attention()
    compare("unet, published attention", unet(*inputs), golden["out.eps"])


@torch.no_grad()
def check_vae(path: Path):
    golden = load_file(path)
    vae = load_part(ldm_vae.AutoencoderKL(ldm_vae.GOLDEN_TINY), golden, PREFIXES["vae"])
    compare("vae moments", vae.moments(golden["in.image"]), golden["out.moments"])
    decoded = vae.decode(golden["in.z"] * ldm_vae.SCALE_FACTOR)
    compare("vae decode", decoded, golden["out.decoded_z"])


@torch.no_grad()
def check_clip(path: Path):
    golden = load_file(path)
    text = load_part(clip_text.ClipText(clip_text.GOLDEN_TINY), golden, PREFIXES["text"])
    compare("clip", text(golden["in.ids"]), golden["out.last_hidden_state"])


@torch.no_grad()
def check_tiny_sd(folder: Path):
    from tiny_world import Sampler

    golden = load_file(folder / "golden-generation.safetensors")
    model = load_tiny_sd(folder)
    # These were made before the weights were rounded to float16.
    compare("tiny-sd context", model.text(golden["ids"]), golden["context"], 1e-3)
    moments = model.vae.moments(golden["vae_in"])
    compare("tiny-sd moments", moments, golden["vae_moments"], 1e-3)
    latents = Sampler(model.unet, golden["uncond"]).ddim(golden["noise"], golden["context"])
    compare("tiny-sd latents after 20 steps", latents, golden["latents"], 2e-2)
    image = model.vae.decode(golden["latents"]).clamp(-1, 1)
    compare("tiny-sd image", image, golden["image"], 1e-2)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("golden", type=Path)
    parser.add_argument("--tiny-sd", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    check_unet(options.golden / "unet-tiny.safetensors", ldm_unet.GOLDEN_TINY)
    check_unet(options.golden / "unet-tiny-xl.safetensors", ldm_unet.GOLDEN_TINY_XL)
    check_vae(options.golden / "vae-tiny.safetensors")
    check_clip(options.golden / "clip-tiny.safetensors")
    if options.tiny_sd:
        check_tiny_sd(options.tiny_sd)


if __name__ == "__main__":
    main()
