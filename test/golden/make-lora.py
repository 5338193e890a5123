"""Makes lora.json: the loss and the gradients of low-rank changes at several strengths, by peft in PyTorch
on the tiny reference UNet, whose weights are those of models/unet-tiny.json.

Of each gradient its norm and three elements are kept. The factors and the other inputs are drawn again
from the seed by test/adapters/lora-golden.test.ts, in the same order.

Run by hand, when the reference changes: python make-lora.py
(in an environment with torch, peft and safetensors)
"""

import json
import re

import torch
from peft import LoraConfig, inject_adapter_in_model
from tiny_unet import HERE, PREFIX, load_original

SEED = 20261130
ROWS, LATENT, CONTEXT = 2, (4, 16, 16), (77, 64)
TIMESTEPS = [700, 20]
RANK, ALPHA, CONV_RANK = 3, 6, 2
STRENGTHS = [0.5, 1.0, 1.5]
LINEAR = r".*(attn2\.to_[qkv]|attn1\.to_out\.0|proj_in|proj_out|ff\.net\.0\.proj|emb_layers\.1)"
CONVOLUTIONS = r".*(in_layers\.2|out_layers\.3|skip_connection|\.op|\.conv)"  # But for those that do nothing.


def measure(target_modules, rank, alpha):
    original = load_original()
    targets = [
        name
        for name, module in original.named_modules()
        if re.fullmatch(target_modules, name) and hasattr(module, "weight")
    ]
    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=targets)
    unet = inject_adapter_in_model(config, original)
    layers = sorted(name for name, module in unet.named_modules() if hasattr(module, "lora_A"))
    modules = {name: unet.get_submodule(name) for name in layers}
    torch.manual_seed(SEED)
    x, context, target = torch.randn(ROWS, *LATENT), torch.randn(ROWS, *CONTEXT), torch.randn(ROWS, *LATENT)
    parameters = {}
    for name, module in modules.items():
        for part, factor in (("lora_down", module.lora_A), ("lora_up", module.lora_B)):
            weight = factor["default"].weight
            with torch.no_grad():
                weight.copy_(0.05 * torch.randn(weight.shape))
            parameters[f"{PREFIX}{name}.{part}.weight"] = weight
    runs = []
    for strength in STRENGTHS:
        for module in modules.values():
            module.scaling["default"] = strength * alpha / rank
        unet.zero_grad()
        prediction = unet(x, torch.tensor(TIMESTEPS), context)
        loss = torch.nn.functional.mse_loss(prediction, target)
        loss.backward()
        gradients = {
            name: [float(f"{v:.6g}") for v in (p.grad.norm().item(), *p.grad.flatten()[:3].tolist())]
            for name, p in parameters.items()
        }
        runs.append({"strength": strength, "loss": loss.item(), "gradients": gradients})
    return {"rank": rank, "alpha": alpha, "layers": [PREFIX + name for name in layers], "runs": runs}


figures = {
    "seed": SEED,
    "timesteps": TIMESTEPS,
    "linear": measure(LINEAR, RANK, ALPHA),
    "convolutions": measure(CONVOLUTIONS, CONV_RANK, ALPHA * CONV_RANK / RANK),
}
(HERE / "lora.json").write_text(json.dumps(figures, separators=(",", ":")) + "\n")
