"""Makes diffusion.json: what PyTorch draws and what diffusers' DPM-Solver++(2M) does.

Run by hand, when a case is added: pip install torch diffusers; python make-diffusion.py
"""

import json
import math
from pathlib import Path

import diffusers
import torch
from diffusers import DPMSolverMultistepScheduler

HEAD, TAIL = 8, 20  # what is kept of a long draw: it is all made the same way but for its end


def ends(values):
    values = values.tolist()
    return {"head": values[:HEAD], "tail": values[-TAIL:]}


def draws():
    for seed in (0, 1, 42, 1234567890, 2**32 - 1, 2**40 + 5):
        for count in (1, 7, 15, 16, 17, 31, 32, 100, 256, 16384):
            torch.manual_seed(seed)
            normal = torch.randn(count)
            again = torch.randn(3)  # shows what is carried over between calls
            torch.manual_seed(seed)
            uniform = torch.rand(count)
            torch.manual_seed(seed)
            integers = torch.randint(0, 1000, (count,))
            yield {
                "seed": seed,
                "count": count,
                "randn": ends(normal),
                "again": again.tolist(),
                "rand": ends(uniform),
                "randint": ends(integers),
            }


def betas_and_alphas():
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    return betas, torch.cumprod(1 - betas, 0)


def discrete_sigmas(steps):
    """get_sigmas of k-diffusion's DiscreteSchedule, in float64."""
    _, alphas = betas_and_alphas()
    log_sigmas = ((1 - alphas) / alphas).sqrt().log()
    t = torch.linspace(999, 0, steps, dtype=torch.float64)
    low, high, w = t.floor().long(), t.ceil().long(), t.frac()
    return [*((1 - w) * log_sigmas[low] + w * log_sigmas[high]).exp().tolist(), 0.0]


def solver(steps, karras, prediction_type):
    """Replays random predictions: what the solver makes of them depends on no model.

    diffusers works at the variance-preserving scale (x / sqrt(1 + sigma^2)), k-diffusion at
    x_0 + sigma eps; all that is recorded here is at the latter.
    """
    scheduler = DPMSolverMultistepScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        algorithm_type="dpmsolver++",
        solver_order=2,
        prediction_type=prediction_type,
        use_karras_sigmas=karras,
        final_sigmas_type="zero",
    )
    scheduler.set_timesteps(steps)
    if not karras:
        scheduler.sigmas = torch.tensor(discrete_sigmas(steps))
    else:
        scheduler.sigmas = scheduler.sigmas.double()
    generator = torch.Generator().manual_seed(7)
    noise = torch.randn(8, generator=generator)
    outputs = torch.randn(steps, 8, generator=generator)
    sigmas = scheduler.sigmas
    x = noise.double() * sigmas[0] / (1 + sigmas[0] ** 2).sqrt()
    latents = []
    for i, timestep in enumerate(scheduler.timesteps):
        x = scheduler.step(outputs[i].double(), timestep, x).prev_sample
        latents.append((x.double() * (1 + sigmas[i + 1] ** 2).sqrt()).tolist())
    return {
        "steps": steps,
        "karras": karras,
        "predictionType": prediction_type,
        "sigmas": sigmas.tolist(),
        "noise": noise.tolist(),
        "outputs": outputs.tolist(),
        "latents": latents,
    }


def main():
    golden = {
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
        "draws": list(draws()),
        "dpmSolverPp2m": [
            solver(steps, karras, prediction_type)
            for steps in (1, 2, 20)
            for karras in (False, True)
            for prediction_type in ("epsilon", "v_prediction")
            if not (karras and steps == 1)  # diffusers divides by zero
        ],
    }
    path = Path(__file__).with_name("diffusion.json")
    path.write_text(json.dumps(golden) + "\n")
    assert all(math.isfinite(v) for c in golden["dpmSolverPp2m"] for r in c["latents"] for v in r)


main()
