"""Makes ddpm/likelihood.json: log-likelihoods of two pictures under the tiny grey model of ddpm/, by the
probability-flow ODE at the noise levels that the program takes, with exact Jacobian products by autograd in float64.

Run by hand, when the reference changes: pip install torch diffusers safetensors; python make-likelihood.py
"""

import json
import math
from pathlib import Path

import torch
from diffusers import UNet2DModel

here = Path(__file__).parent / "ddpm"
unet = UNet2DModel.from_pretrained(here / "grey" / "unet").double().eval()
# The scheduler's own are float32.
betas = torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64)
alphas = (1 - betas).cumprod(0)
sigmas = ((1 - alphas) / alphas).sqrt()


def levels_of(count):
    wanted = torch.linspace(sigmas[0].log(), sigmas[-1].log(), count, dtype=torch.float64)
    nearest = (sigmas.log()[None] - wanted[:, None]).abs().argmin(1)
    return sorted({*nearest.tolist(), 999})


def log_likelihood(x0, probes, timesteps):
    def noise(x_bar, t):
        return unet(alphas[t].sqrt() * x_bar, t).sample

    def trace(x_bar, t):
        x_bar = x_bar.detach().requires_grad_(True)
        (product,) = torch.autograd.grad((noise(x_bar, t) * probes).sum(), x_bar)
        return sigmas[t] * (product * probes).sum((1, 2, 3))

    dimensions = x0[0].numel()
    x_bar = x0 / alphas[timesteps[0]].sqrt()
    total = -dimensions / 2 * alphas[timesteps[0]].log() + torch.zeros(len(x0), dtype=torch.float64)
    before = trace(x_bar, timesteps[0])
    for t, following in zip(timesteps, timesteps[1:]):
        with torch.no_grad():
            step = sigmas[following] - sigmas[t]
            start = noise(x_bar, t)
            x_bar = x_bar + step / 2 * (start + noise(x_bar + step * start, following))
        after = trace(x_bar, following)
        total = total + (before + after) / 2 * (sigmas[following] / sigmas[t]).log()
        before = after
    variance = 1 + sigmas[timesteps[-1]] ** 2
    normal = -dimensions / 2 * (2 * math.pi * variance).log() - x_bar.square().sum((1, 2, 3)) / (2 * variance)
    return (total + normal).tolist()


torch.manual_seed(7)
x0 = torch.rand(2, 1, 28, 28) * 2 - 1
probes = torch.where(torch.randn(2, 1, 28, 28) < 0, -1.0, 1.0)
found = log_likelihood(x0.double(), probes.double(), levels_of(12))
(here / "likelihood.json").write_text(json.dumps(found) + "\n")
