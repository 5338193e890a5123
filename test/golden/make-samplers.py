"""Makes samplers.json: what k-diffusion and diffusers draw with a fixed model, by sampler and noise levels.

The model is a function of latents and timestep that can be written down: fixed_model below, and
fixedModel in the test. Noise that samplers add is drawn beforehand, so that both add the same.

Run by hand, when a case is added: pip install torch diffusers k-diffusion; python make-samplers.py
"""

import json
import math
from pathlib import Path

import diffusers
import torch
from diffusers import (
    DDIMScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    LCMScheduler,
    UniPCMultistepScheduler,
)
from diffusers.schedulers import scheduling_euler_ancestral_discrete, scheduling_lcm
from k_diffusion import sampling
from k_diffusion.external import DiscreteEpsDDPMDenoiser, DiscreteVDDPMDenoiser

SIZE, ADDED = 8, 20
# What the web UIs take for no signal, where a schedule ends in pure noise.
LEAST_ALPHA = 4.8973451890853435e-08
# Stands for a last sigma of 0, of which some formulas of diffusers make 0 times infinity.
ALMOST_ZERO = 1e-9
STABLE_DIFFUSION = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}

torch.set_default_dtype(torch.float64)
generator = torch.Generator().manual_seed(11)
start = torch.randn(1, SIZE, generator=generator)
added = torch.randn(ADDED, 1, SIZE, generator=generator)


def fixed_model(latents, timestep, **_):
    """At the variance-preserving scale."""
    mixed = 0.9 * latents + 0.4 * latents.roll(-1, -1)
    return torch.tanh(mixed + torch.cos(torch.as_tensor(timestep) / 150).reshape(-1, 1))


def alphas_cumprod(ends_in_noise):
    config = {**STABLE_DIFFUSION, "rescale_betas_zero_snr": ends_in_noise}
    if not ends_in_noise:
        betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
        return torch.cumprod(1 - betas, 0)
    return DDIMScheduler(**config).alphas_cumprod.double().clamp(min=LEAST_ALPHA)


def denoiser(prediction, ends_in_noise):
    kind = {"epsilon": DiscreteEpsDDPMDenoiser, "v_prediction": DiscreteVDDPMDenoiser}[prediction]
    model = kind(fixed_model, alphas_cumprod(ends_in_noise), quantize=False)
    # Their own names for what the model is called with.
    model.get_eps = model.get_v = lambda x, t, **_: fixed_model(x, t)
    return model


def sigmas_of(model, schedule, steps):
    """As AUTOMATIC1111's modules/sd_schedulers.py picks them."""
    if schedule is None:
        return model.get_sigmas(steps)
    if schedule == "Karras":
        return sampling.get_sigmas_karras(steps, model.sigma_min, model.sigma_max)
    if schedule == "SGM Uniform":
        sigmas = [model.t_to_sigma(t) for t in torch.linspace(999.0, 0, steps + 1)[:-1]]
    else:
        sigmas = [model.sigmas[-(1 + int(i * (len(model.sigmas) / steps)))] for i in range(steps)]
    return torch.stack([*sigmas, torch.zeros(())])


def noises():
    rest = iter(added)
    return lambda *_, **__: next(rest)


def brownian():
    """Noise of one Brownian path: the first call of a pair is for a part of the second's way."""
    draw, last = noises(), []

    def sample(sigma, sigma_next):
        if not last:
            last.append((sigma, sigma_next, draw()))
            return last[0][2]
        _, middle, first = last.pop()
        share = (sigma - middle) / (sigma - sigma_next)
        return share.sqrt() * first + (1 - share).sqrt() * draw()

    return sample


def k_diffusion(name, model, sigmas):
    x = start * sigmas[0]
    options = {
        "Euler": (sampling.sample_euler, {}),
        "Euler a": (sampling.sample_euler_ancestral, {"noise_sampler": noises()}),
        "DPM++ 2M": (sampling.sample_dpmpp_2m, {}),
        "DPM++ SDE": (sampling.sample_dpmpp_sde, {"noise_sampler": brownian()}),
    }
    sample, more = options[name]
    return sample(model, x, sigmas, disable=True, **more)


def uni_pc(model, sigmas, prediction):
    scheduler = UniPCMultistepScheduler(
        **STABLE_DIFFUSION, solver_order=3, solver_type="bh1", prediction_type=prediction
    )
    scheduler.set_timesteps(len(sigmas) - 1)
    scheduler.sigmas = sigmas.clone()
    scheduler.sigmas[-1] = ALMOST_ZERO
    x = start * sigmas[0] / (1 + sigmas[0] ** 2).sqrt()
    for i, timestep in enumerate(scheduler.timesteps):
        t = model.sigma_to_t(sigmas[i : i + 1])
        x = scheduler.step(fixed_model(x, t), timestep, x).prev_sample
    return x


def of_diffusers(scheduler, steps):
    """A whole drawing by a scheduler of diffusers at its own timesteps."""
    scheduling_lcm.randn_tensor = scheduling_euler_ancestral_discrete.randn_tensor = noises()
    scheduler.set_timesteps(steps)
    x = start * scheduler.init_noise_sigma
    for t in scheduler.timesteps:
        scaled = scheduler.scale_model_input(x, t).double()
        x = scheduler.step(fixed_model(scaled, t), t, x).prev_sample.double()
    return x, scheduler.timesteps.tolist()


def case(name, schedule, steps, prediction="epsilon", ends_in_noise=False):
    model = denoiser(prediction, ends_in_noise)
    sigmas = sigmas_of(model, schedule, steps)
    solver = uni_pc(model, sigmas, prediction) if name == "UniPC" else k_diffusion(name, model, sigmas)
    return {
        "source": "diffusers" if name == "UniPC" else "k-diffusion",
        "sampler": name if schedule is None else f"{name} {schedule}",
        "steps": steps,
        "prediction": prediction,
        "endsInNoise": ends_in_noise,
        "drawn": solver.flatten().tolist(),
    }


def diffusers_case(name, scheduler, steps, prediction="epsilon"):
    kind, more = scheduler
    drawn, timesteps = of_diffusers(
        kind(**STABLE_DIFFUSION, prediction_type=prediction, **more), steps
    )
    return {
        "source": "diffusers",
        "sampler": name,
        "steps": steps,
        "prediction": prediction,
        "endsInNoise": False,
        "timesteps": timesteps,
        "drawn": drawn.flatten().tolist(),
    }


def cases():
    for name in ("Euler", "Euler a", "DPM++ 2M", "DPM++ SDE", "UniPC"):
        for schedule in (None, "Karras", "SGM Uniform", "Simple"):
            yield case(name, schedule, 4)
        yield case(name, None, 10, "v_prediction")
        yield case(name, "SGM Uniform", 8, "v_prediction", True)
    yield case("UniPC", None, 1)
    yield case("UniPC", "Simple", 7)
    lcm, trailing = (LCMScheduler, {}), {"timestep_spacing": "trailing"}
    for steps, prediction in ((1, "epsilon"), (4, "epsilon"), (7, "v_prediction")):
        yield diffusers_case("LCM", lcm, steps, prediction)
    yield diffusers_case("Euler Simple", (EulerDiscreteScheduler, trailing), 4)
    yield diffusers_case("Euler a Simple", (EulerAncestralDiscreteScheduler, trailing), 4)
    yield diffusers_case(
        "DDIM Simple", (DDIMScheduler, {**trailing, "clip_sample": False, "set_alpha_to_one": True}), 8
    )


golden = {
    "torch": torch.__version__,
    "diffusers": diffusers.__version__,
    "start": start.flatten().tolist(),
    "added": added.flatten(1).tolist(),
    "cases": list(cases()),
}
assert all(math.isfinite(value) for row in golden["cases"] for value in row["drawn"])
Path(__file__).with_name("samplers.json").write_text(json.dumps(golden) + "\n")
