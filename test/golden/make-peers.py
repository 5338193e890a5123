"""Makes peers.json: losses, and what one step changes, of NegGrad, fine-tuning, Concept Ablation, SalUn, ReTrack and
VDU in PyTorch on the tiny reference UNet.

The original's parameters are those of models/unet-tiny.json; the trained ones of the cross-attention are
1.125 times as large. Of each change its norm and eight elements are kept. The other inputs are drawn again
from the seed by test/methods/peers-golden.test.ts, in the same order.

Run by hand, when the reference changes: python make-peers.py
(in an environment with torch, diffusers and safetensors)
"""

import copy
import json

import torch
from tiny_unet import HERE, PREFIX, load_original, sketch
from torch.nn.functional import mse_loss

SEED = 20261130
ROWS, LATENT, CONTEXT = 2, (4, 16, 16), (77, 64)
ENTRIES = 4 * 16 * 16
FORGET_TIMESTEP, RETAIN_TIMESTEP = 700, 300
LEARNING_RATE, CLIP = 0.5, 1.0
# SISS's norm is for pictures of 4 * 64 * 64 entries.
FORGET_NORM, RETAIN_WEIGHT, SALIENCY = 750 * ENTRIES / (4 * 64 * 64), 0.5, 0.5

original = load_original()
torch.manual_seed(SEED)
x_forget, noise_forget = torch.randn(ROWS, *LATENT), torch.randn(ROWS, *LATENT)
concept, anchor = torch.randn(ROWS, *CONTEXT), torch.randn(ROWS, *CONTEXT)
x_retain, noise_retain = torch.randn(ROWS, *LATENT), torch.randn(ROWS, *LATENT)
kept = torch.randn(ROWS, *CONTEXT)
nearby = torch.randn(*LATENT) + 0.05 * torch.randn(3, *LATENT)
at_forget, at_retain = (torch.full((ROWS,), t) for t in (FORGET_TIMESTEP, RETAIN_TIMESTEP))


def trained():
    unet = copy.deepcopy(original)
    parameters = {name: p for name, p in unet.named_parameters() if ".attn2." in name}
    with torch.no_grad():
        for parameter in parameters.values():
            parameter.mul_(1.125)
    return unet, parameters


def retain_loss(unet):
    return mse_loss(unet(x_retain, at_retain, kept), noise_retain)


def denoising_loss(unet):
    return mse_loss(unet(x_forget, at_forget, concept), noise_forget)


def steered_loss(unet):
    """To the model's own prediction under the anchor, through which no gradient flows."""
    with torch.no_grad():
        target = unet(x_forget, at_forget, anchor)
    return mse_loss(unet(x_forget, at_forget, concept), target)


def gradients(loss, parameters):
    return torch.autograd.grad(loss, list(parameters.values()))


def norm(tensors):
    return torch.sqrt(sum((tensor**2).sum() for tensor in tensors))


def step(parameters, gradient, optimizer, masks=None):
    """What one step of an optimizer along a clipped gradient changes, where masks are 1."""
    before = {name: p.detach().clone() for name, p in parameters.items()}
    for i, (p, g) in enumerate(zip(parameters.values(), gradient)):
        p.grad = g * masks[i] if masks else g.clone()
    torch.nn.utils.clip_grad_norm_(parameters.values(), CLIP)
    optimizer(parameters.values()).step()
    change = {}
    for i, (name, p) in enumerate(parameters.items()):
        # SalUn's masks hold whatever the optimizer does: weight decay, too.
        moved = (p.detach() - before[name]) * (masks[i] if masks else 1)
        change[PREFIX + name] = sketch(moved)
    return change


def sgd(parameters):
    return torch.optim.SGD(parameters, lr=LEARNING_RATE)


def neg_grad(retain_weight):
    unet, parameters = trained()
    forget, retain = denoising_loss(unet), retain_loss(unet)
    # Losses are sums over a picture's entries, averaged over the rows.
    up = gradients(ENTRIES * forget, parameters)
    down = gradients(ENTRIES * retain, parameters)
    weight = FORGET_NORM / norm(up)
    total = [retain_weight * d - weight * u for d, u in zip(down, up)]
    losses = {"forget": forget.item(), "retain": retain.item(), "lambda": weight.item()}
    return {**losses, "change": step(parameters, total, sgd)}


def fine_tuning():
    unet, parameters = trained()
    retain = retain_loss(unet)
    return {"retain": retain.item(), "change": step(parameters, gradients(retain, parameters), sgd)}


def concept_ablation():
    unet, parameters = trained()
    forget, retain = steered_loss(unet), retain_loss(unet)
    total = gradients(forget + RETAIN_WEIGHT * retain, parameters)
    losses = {"forget": forget.item(), "retain": retain.item()}
    return {**losses, "change": step(parameters, total, sgd)}


def sal_un():
    """The mask is of the trained parameters as they are before the step."""
    unet, parameters = trained()
    salient = [g.abs() for g in gradients(denoising_loss(unet), parameters)]
    every = torch.cat([s.flatten() for s in salient])
    threshold = every.sort(descending=True).values[round(SALIENCY * len(every)) - 1]
    masks = [(s >= threshold).float() for s in salient]
    total = gradients(steered_loss(unet) + RETAIN_WEIGHT * retain_loss(unet), parameters)
    decaying = lambda ps: torch.optim.AdamW(ps, lr=1e-3, weight_decay=0.1)  # noqa: E731
    kept = {PREFIX + name: int(mask.sum()) for name, mask in zip(parameters, masks)}
    return {"threshold": threshold.item(), "kept": kept, "change": step(parameters, total, decaying, masks)}


def re_track(share):
    """As the paper has it: the squared errors to what leads to each neighbour, weighed by how likely that one is."""
    unet, parameters = trained()
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    alpha = (1 - betas).cumprod(0)[FORGET_TIMESTEP]
    gamma, sigma = alpha.sqrt().float(), (1 - alpha).sqrt().float()
    ways = (x_forget[:, None] - gamma * nearby[None]) / sigma
    shares = (-0.5 * ways.square().sum((2, 3, 4))).softmax(1)
    predicted = unet(x_forget, at_forget, concept)
    errors = (predicted[:, None] - ways).square().sum((2, 3, 4))
    forget = (shares * errors).sum(1).mean()
    retain = (unet(x_retain, at_retain, kept) - noise_retain).square().sum((1, 2, 3)).mean()
    total = gradients(share * forget + (1 - share) * retain, parameters)
    target = (shares[..., None, None, None] * ways).sum(1)
    losses = {"forget": mse_loss(predicted, target).item(), "retain": retain.item() / ENTRIES}
    return {**losses, "shares": shares[0].tolist(), "change": step(parameters, total, sgd)}


def vdu(stability):
    unet, parameters = trained()
    starts = dict(original.named_parameters())
    distance = sum((p - starts[name].detach()).square().sum() for name, p in parameters.items())
    forget = denoising_loss(unet)
    held = stability / 2 * distance
    total = gradients(held - forget, parameters)
    losses = {"forget": forget.item(), "retain": held.item()}
    return {**losses, "change": step(parameters, total, sgd)}


figures = {
    "neggrad alone": neg_grad(0),
    "neggrad": neg_grad(1),
    "finetune": fine_tuning(),
    "conceptablation": concept_ablation(),
    "salun": sal_un(),
    "retrack": re_track(0.25),
    "vdu": vdu(0.5),
}
(HERE / "peers.json").write_text(json.dumps(figures, separators=(",", ":")) + "\n")
