"""Makes zero-snr.safetensors: what diffusers computes for a model with zero terminal SNR that predicts v.

The schedule, noised latents, velocities, a drawing of ten steps of DDIM with the UNet of
make-diffusers.py (its weights drawn again), and DPM-Solver++(2M) on random predictions, over noise
levels whose largest is the web UIs' (diffusers takes 2^-24 for what is left of the signal).

Run by hand, when a case is added: python make-zero-snr.py
(in an environment with torch and diffusers)
"""

import json
from pathlib import Path

import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, UNet2DConditionModel
from random_weights import draw_again
from safetensors.torch import load_file, save_file

HERE = Path(__file__).parent
LEAST_ALPHA = 4.8973451890853435e-08
STEPS = 10
schedule = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    "timestep_spacing": "trailing",
}

facts = json.loads((HERE / "diffusers/tiny.json").read_text())
shapes = {k: s for file, some in facts["weights"].items() if file.startswith("unet/") for k, s in some.items()}
unet = UNet2DConditionModel.from_config(json.loads((HERE / "diffusers/tiny/unet/config.json").read_text()))
unet.load_state_dict(dict(draw_again(facts["weight_seed"], shapes)))
unet.eval()
context = load_file(HERE / "diffusers/tiny.safetensors")["context"][:1]

ddim = DDIMScheduler(**schedule, clip_sample=False, set_alpha_to_one=False)
generator = torch.Generator().manual_seed(5)
timesteps = torch.tensor([0, 500, 998, 999])
x0, noise = (torch.randn(4, 4, 8, 8, generator=generator) for _ in range(2))
tensors = {
    "alphas_cumprod": ddim.alphas_cumprod,
    "timesteps": timesteps,
    "x0": x0,
    "noise": noise,
    "noised": ddim.add_noise(x0, noise, timesteps),
    "velocity": ddim.get_velocity(x0, noise, timesteps),
}

ddim.set_timesteps(STEPS)
x = torch.randn(1, 4, 8, 8, generator=generator)
tensors |= {"ddim.timesteps": ddim.timesteps, "ddim.start": x, "ddim.context": context}
with torch.no_grad():
    for t in ddim.timesteps:
        x = ddim.step(unet(x, t, context).sample, t, x).prev_sample
tensors["ddim.drawn"] = x

for steps in (1, 16, 30):
    ddim.set_timesteps(steps)
    tensors[f"ddim.timesteps.{steps}"] = ddim.timesteps.clone()

solver = DPMSolverMultistepScheduler(
    **schedule, algorithm_type="dpmsolver++", solver_order=2, final_sigmas_type="zero"
)
solver.set_timesteps(STEPS)
alphas = ddim.alphas_cumprod.double().clamp(min=LEAST_ALPHA)
log_sigmas = ((1 - alphas) / alphas).sqrt().log()
t = torch.linspace(999, 0, STEPS, dtype=torch.float64)
low, high, w = t.floor().long(), t.ceil().long(), t.frac()
sigmas = torch.cat([((1 - w) * log_sigmas[low] + w * log_sigmas[high]).exp(), torch.zeros(1)])
solver.sigmas = sigmas
start = torch.randn(8, generator=generator)
outputs = torch.randn(STEPS, 8, generator=generator)
x = start.double() * sigmas[0] / (1 + sigmas[0] ** 2).sqrt()
for i, timestep in enumerate(solver.timesteps):
    x = solver.step(outputs[i].double(), timestep, x).prev_sample.double()
tensors |= {"dpm.sigmas": sigmas, "dpm.start": start, "dpm.outputs": outputs, "dpm.drawn": x.float()}
save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, HERE / "zero-snr.safetensors")
