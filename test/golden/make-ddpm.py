"""Makes ddpm/: tiny pixel-space models, as diffusers writes them, with what diffusers makes of them; and
ddpm/samplers.json: what its schedulers draw with a fixed model.

Run by hand, when a case is added: pip install torch diffusers safetensors; python make-ddpm.py
"""

import json
import math
import shutil
from pathlib import Path

import torch
from diffusers import DDIMScheduler, DDPMPipeline, DDPMScheduler, UNet2DModel
from safetensors.torch import load_file, save_file

torch.manual_seed(0)
here = Path(__file__).parent / "ddpm"

TINY = {
    "block_out_channels": (8, 16),
    "down_block_types": ("DownBlock2D", "AttnDownBlock2D"),
    "up_block_types": ("AttnUpBlock2D", "UpBlock2D"),
    "norm_num_groups": 4,
    "layers_per_block": 1,
}
# As https://huggingface.co/google/ddpm-celebahq-256 has it, a thirty-second as wide.
CELEBA = {
    "act_fn": "silu",
    "attention_head_dim": None,
    "block_out_channels": (4, 4, 8, 8, 16, 16),
    "center_input_sample": False,
    "down_block_types": ("DownBlock2D",) * 4 + ("AttnDownBlock2D", "DownBlock2D"),
    "downsample_padding": 0,
    "flip_sin_to_cos": False,
    "freq_shift": 1,
    "layers_per_block": 2,
    "mid_block_scale_factor": 1,
    "norm_eps": 1e-06,
    "norm_num_groups": 4,
    "time_embedding_type": "positional",
    "up_block_types": ("UpBlock2D", "AttnUpBlock2D") + ("UpBlock2D",) * 4,
}
MODELS = {
    # Of SISS's MNIST model: grey, 28 pixels, heads of 8 channels.
    "grey": ({**TINY, "sample_size": 28, "in_channels": 1, "out_channels": 1}, {}),
    "classes": ({**TINY, "sample_size": 16, "num_class_embeds": 10, "attention_head_dim": 8}, {}),
    "timestep": (
        {**TINY, "sample_size": 16, "class_embed_type": "timestep", "add_attention": False},
        {"beta_schedule": "squaredcos_cap_v2", "prediction_type": "v_prediction"},
    ),
    "celebahq": ({**CELEBA, "sample_size": 32}, {"variance_type": "fixed_small"}),
}


def labels_of(unet, rows):
    if unet.class_embedding is None:
        return None
    return torch.tensor([(3 * row + 1) % 10 for row in range(rows)])


def reference(name, config, scheduler):
    unet = UNet2DModel(**config)
    with torch.no_grad():
        for parameter in unet.parameters():
            # Else layers that begin at nothing would hide what is before them.
            parameter.copy_(parameter + 0.05 * torch.randn(parameter.shape))
            parameter.copy_(parameter.half().float())
    folder = here / name
    shutil.rmtree(folder, ignore_errors=True)
    pipeline = DDPMPipeline(unet=unet, scheduler=DDPMScheduler(**scheduler))
    pipeline.save_pretrained(folder, variant=None)
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    # Rounded above, so that half the bytes hold the same numbers.
    save_file({k: v.half() for k, v in load_file(weights).items()}, weights, {"format": "pt"})
    if name == "celebahq":
        as_old_folder(folder)
    rows, size, channels = 2, config["sample_size"], config.get("in_channels", 3)
    sample, target = torch.randn(2, rows, channels, size, size).unbind()
    timesteps = torch.tensor([17, 803])
    labels = labels_of(unet, rows)
    output = unet(sample, timesteps, class_labels=labels).sample
    loss = torch.nn.functional.mse_loss(output, target)
    loss.backward()
    kept = {"sample": sample, "target": target, "output": output.detach(), "loss": loss.detach()}
    # Of each tensor a number that no other gradient has: its product with a fixed wave.
    for key, parameter in unet.named_parameters():
        flat = parameter.grad.flatten()
        wave = torch.sin(torch.arange(flat.numel(), dtype=torch.float64) + 1)
        square = (flat.double() ** 2).sum()
        kept[f"gradient:{key}"] = torch.stack([(flat.double() * wave).sum(), square.sqrt()])
    save_file({k: v.float().contiguous() for k, v in kept.items()}, here / f"{name}.safetensors")


def as_old_folder(folder):
    """All in one folder, attention by its old names, as models of diffusers 0.0.4 are."""
    weights = folder / "unet" / "diffusion_pytorch_model.safetensors"
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    tensors = {}
    for key, value in load_file(weights).items():
        for now, before in old.items():
            key = key.replace(f".{now}.", f".{before}.") if ".attentions." in key else key
        tensors[key] = value
    save_file(tensors, folder / "diffusion_pytorch_model.safetensors", {"format": "pt"})
    (folder / "unet" / "config.json").rename(folder / "config.json")
    (folder / "scheduler" / "scheduler_config.json").rename(folder / "scheduler_config.json")
    shutil.rmtree(folder / "unet")
    shutil.rmtree(folder / "scheduler")


SIZE = 8


def fixed_model(latents, timestep):
    """fixedModel in the test."""
    mixed = 0.9 * latents + 0.4 * latents.roll(-1, -1)
    return torch.tanh(mixed + math.cos(float(timestep) / 150))


SCHEDULERS = {
    "DDPM": (DDPMScheduler, {"variance_type": "fixed_small"}, 20),
    "DDPM fixed_large": (DDPMScheduler, {"variance_type": "fixed_large"}, 20),
    "DDPM without clipping": (DDPMScheduler, {"clip_sample": False}, 7),
    "DDPM all steps": (DDPMScheduler, {"num_train_timesteps": 40}, 40),
    "DDPM trailing, v": (
        DDPMScheduler,
        {"timestep_spacing": "trailing", "prediction_type": "v_prediction"},
        10,
    ),
    "DDPM cosine": (DDPMScheduler, {"beta_schedule": "squaredcos_cap_v2"}, 10),
    "DDIM": (DDIMScheduler, {}, 20),
    "DDIM scaled_linear, v": (
        DDIMScheduler,
        {"beta_schedule": "scaled_linear", "prediction_type": "v_prediction"},
        10,
    ),
    "DDIM without clipping": (DDIMScheduler, {"clip_sample": False, "set_alpha_to_one": False}, 10),
    "DDIM cosine": (DDIMScheduler, {"beta_schedule": "squaredcos_cap_v2"}, 10),
    "DDIM own betas": (
        DDIMScheduler,
        {"trained_betas": [0.01 + 0.001 * i for i in range(40)], "num_train_timesteps": 40},
        8,
    ),
}


def trajectory(kind, config, steps):
    scheduler = kind(**config)
    scheduler.set_timesteps(steps)
    generator = torch.Generator().manual_seed(5)
    latents = start = torch.randn(1, SIZE, generator=generator, dtype=torch.float64)
    added, path = [], []
    for timestep in scheduler.timesteps:
        prediction = fixed_model(latents, timestep)
        options = {}
        if kind is DDPMScheduler:
            noise = torch.randn(1, SIZE, generator=generator, dtype=torch.float64)
            if timestep > 0:
                added.append(noise.flatten().tolist())
            # The scheduler draws what it adds itself: it is put in its place.
            state = torch.Generator().manual_seed(0)
            import diffusers.schedulers.scheduling_ddpm as module

            module.randn_tensor = lambda *_, noise=noise, **__: noise
            options = {"generator": state}
        latents = scheduler.step(prediction, timestep, latents, **options).prev_sample
        path.append(latents.flatten().tolist())
    return {
        "scheduler": {**dict(scheduler.config), "_class_name": kind.__name__},
        "steps": steps,
        "timesteps": scheduler.timesteps.tolist(),
        "start": start.flatten().tolist(),
        "added": added,
        "path": path,
    }


def rounded(value):
    if isinstance(value, float):
        return float(f"{value:.8g}")
    if isinstance(value, (list, tuple)):
        return [rounded(one) for one in value]
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    return value


if __name__ == "__main__":
    here.mkdir(exist_ok=True)
    for name, (config, scheduler) in MODELS.items():
        reference(name, config, scheduler)
    cases = {name: rounded(trajectory(*case)) for name, case in SCHEDULERS.items()}
    (here / "samplers.json").write_text(json.dumps(cases) + "\n")
