"""Makes esd.json and esd.safetensors: ESD's loss and gradients at one batch, and latents that are drawn
in part, in PyTorch on the tiny reference UNet.

The original's parameters are those of models/unet-tiny.json; the trained ones of the cross-attention are
1.125 times as large. Of each gradient its norm and eight elements are kept. The other inputs are drawn
again from the seed by test/methods/esd-golden.test.ts, in the same order.

Run by hand, when the reference changes: python make-esd.py
(in an environment with torch, diffusers and safetensors)
"""

import copy
import json

import torch
from diffusers import DDIMScheduler
from safetensors.torch import save_file
from tiny_unet import HERE, PREFIX, load_original, sketch

SEED = 20261129
ROWS, LATENT, CONTEXT = 2, (4, 16, 16), (77, 64)
TIMESTEP, NEGATIVE_GUIDANCE = 700, 1.5
STEPS, STOP, START_GUIDANCE = 5, 2, 3.0

original = load_original()
trained = copy.deepcopy(original)
parameters = {name: p for name, p in trained.named_parameters() if ".attn2." in name}
with torch.no_grad():
    for parameter in parameters.values():
        parameter.mul_(1.125)

torch.manual_seed(SEED)
x = torch.randn(ROWS, *LATENT)
concept = torch.randn(ROWS, *CONTEXT)
empty = torch.randn(1, *CONTEXT).expand(ROWS, *CONTEXT)
noise = torch.randn(ROWS, *LATENT)

t = torch.full((ROWS,), TIMESTEP)
with torch.no_grad():
    e_null, e_concept = original(x, t, empty), original(x, t, concept)
target = e_null - NEGATIVE_GUIDANCE * (e_concept - e_null)
loss = torch.nn.functional.mse_loss(trained(x, t, concept), target)
loss.backward()

# The betas of Stable Diffusion; its DDIM begins at timestep 1 and ends at the first alpha.
scheduler = DDIMScheduler(
    beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
    steps_offset=1, set_alpha_to_one=False, clip_sample=False,
)
scheduler.set_timesteps(STEPS)
latents = noise
with torch.no_grad():
    for step in scheduler.timesteps[:STOP]:
        at = torch.full((ROWS,), int(step))
        null, cond = trained(latents, at, empty), trained(latents, at, concept)
        latents = scheduler.step(null + START_GUIDANCE * (cond - null), step, latents).prev_sample

figures = {
    "loss": loss.item(),
    "timestep": int(scheduler.timesteps[STOP]),
    "gradients": {
        PREFIX + name: sketch(p.grad)
        for name, p in parameters.items()
    },
}
(HERE / "esd.json").write_text(json.dumps(figures, separators=(",", ":")) + "\n")
arrays = {"target": target.contiguous(), "latents": latents.contiguous()}
save_file(arrays, HERE / "esd.safetensors")
