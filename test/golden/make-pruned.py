"""Makes pruned/: UNets of the shapes that pruned models have, with tiny widths, and what diffusers computes
with them, in float64; two of them (odd-…) with latents of odd sizes.

The shapes are those of the configs that the models are published with: nota-ai/bk-sdm-base, -small and
-tiny (segmind/small-sd and tiny-sd are the latter two), segmind/SSD-1B and Segmind-Vega,
etri-vilab/koala-700m and koala-1b; depths above 3 are made smaller. Of each
weight its name in a single file is kept (below "model.diffusion_model."), with its shape and, of the
gradient of the loss (the mean squared error to a target), the norm and the inner product with the weight;
of bk-sdm also its name in a diffusers folder and the by-level one. The values of the weights are drawn
again from the seed, in the order of the names in a single file.

Single files number the blocks one after the other, as LDM does; `by-level` names are those that diffusers'
convert_diffusers_to_original_stable_diffusion.py gives.

Run by hand, when a reference changes: python make-pruned.py [NAME …] (in an environment with torch and diffusers)
"""

import json
import math
import re
import sys
from pathlib import Path

import diffusers
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import save_file

HERE = Path(__file__).parent / "pruned"
SEED = 20261129

CROSS_DOWN, DOWN, CROSS_UP, UP = "CrossAttnDownBlock2D", "DownBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"
BK_SDM = dict(
    block_out_channels=(32, 32, 64, 64),
    layers_per_block=1,
    down_block_types=(CROSS_DOWN, CROSS_DOWN, CROSS_DOWN, DOWN),
    up_block_types=(UP, CROSS_UP, CROSS_UP, CROSS_UP),
    cross_attention_dim=16,
    attention_head_dim=4,
)
SDXL = dict(
    block_out_channels=(32, 32, 64),
    down_block_types=(DOWN, CROSS_DOWN, CROSS_DOWN),
    up_block_types=(CROSS_UP, CROSS_UP, UP),
    cross_attention_dim=24,
    attention_head_dim=(2, 2, 4),
    use_linear_projection=True,
    addition_embed_type="text_time",
    addition_time_embed_dim=8,
    projection_class_embeddings_input_dim=16 + 6 * 8,
)
MODELS = {
    "bk-sdm-base": BK_SDM,
    "bk-sdm-small": BK_SDM | dict(mid_block_type=None),
    "bk-sdm-tiny": BK_SDM
    | dict(
        block_out_channels=(32, 32, 64),
        down_block_types=(CROSS_DOWN,) * 3,
        up_block_types=(CROSS_UP,) * 3,
        mid_block_type=None,
    ),
    "ssd-1b": SDXL
    | dict(
        mid_block_type="UNetMidBlock2D",
        transformer_layers_per_block=(1, (2, 2), (2, 2)),
        reverse_transformer_layers_per_block=((2, 2, 3), (2, 1, 1), 1),
    ),
    "vega": SDXL
    | dict(
        mid_block_type="UNetMidBlock2D",
        transformer_layers_per_block=(1, (1, 1), (2, 2)),
        reverse_transformer_layers_per_block=((2, 2, 2), (1, 1, 1), 1),
    ),
    "koala-700m": SDXL | dict(layers_per_block=1, mid_block_type=None, transformer_layers_per_block=(1, 2, 3)),
    "koala-1b": SDXL | dict(layers_per_block=1, transformer_layers_per_block=(1, 1, 3)),
    # Latents whose sides cannot be halved as often as the UNet halves them.
    "odd-9x14": BK_SDM,
    "odd-xl-17x11": SDXL | dict(layers_per_block=1, transformer_layers_per_block=(1, 1, 1)),
}
# Height and width of the latents; of all others 16.
SIZES = {"odd-9x14": (9, 14), "odd-xl-17x11": (17, 11)}
RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
OUTER = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}


def single_file_name(unet, key, by_level):
    """The key in a single file, below its prefix, of a diffusers UNet's key."""
    for name, other in OUTER.items():
        if key.startswith(name + "."):
            return other + key[len(name) :]
    side, rest = key.split(".", 1)
    level, kind, index, leaf = re.fullmatch(r"(?:(\d+)\.)?(\w+)\.(\d+)\.(.*)", rest).groups()
    level, index = int(level or 0), int(index)
    resnets = len(unet.down_blocks[0].resnets) + (side == "up_blocks")
    stride = 3 if by_level else resnets + (side == "down_blocks")
    has_attention = side != "mid_block" and getattr(getattr(unet, side)[level], "has_cross_attention", False)
    leaf = ".".join(RESNET.get(part, part) for part in leaf.split(".")) if kind == "resnets" else leaf
    if side == "mid_block":
        block = f"middle_block.{1 if kind == 'attentions' else 2 * index}"
    elif side == "down_blocks":
        number = stride * level + (stride if kind == "downsamplers" else index + 1)
        block = f"input_blocks.{number}.{1 if kind == 'attentions' else 0}"
        leaf = leaf.replace("conv.", "op.") if kind == "downsamplers" else leaf
    elif kind == "upsamplers":
        part = 2 if has_attention and not (by_level and level == 0) else 1
        block = f"output_blocks.{stride * level + stride - 1}.{part}"
    elif by_level and kind == "attentions" and level == 0:
        block = f"up_blocks.0.attentions.{index}"
    else:
        block = f"output_blocks.{stride * level + index}.{1 if kind == 'attentions' else 0}"
    return f"{block}.{leaf}"


def compute(name, config):
    unet = UNet2DConditionModel(sample_size=8, **config).eval()
    names = {key: single_file_name(unet, key, False) for key in unet.state_dict()}
    assert len(set(names.values())) == len(names)
    parameters = {names[key]: parameter for key, parameter in unet.named_parameters()}
    torch.manual_seed(SEED)
    with torch.no_grad():
        for key, parameter in sorted(parameters.items()):
            normal = torch.randn(parameter.shape)
            if parameter.dim() > 1:
                parameter.copy_(normal / math.sqrt(math.prod(parameter.shape[1:])))
            else:
                parameter.copy_(0.1 * normal + (1 if key.endswith("weight") else 0))
    torch.manual_seed(SEED)
    timesteps = torch.tensor([7, 801])
    tensors = {
        "sample": torch.randn(2, 4, *SIZES.get(name, (16, 16))),
        "context": torch.randn(2, 7, config["cross_attention_dim"]),
        "target": torch.randn(2, 4, *SIZES.get(name, (16, 16))),
    }
    conditions = None
    if "addition_embed_type" in config:
        conditions = {"text_embeds": torch.randn(2, 16), "time_ids": torch.tensor([[64.0, 64, 0, 0, 64, 64]] * 2)}
        unet.add_embedding.register_forward_pre_hook(lambda _, inputs: tensors.update(y=inputs[0].detach()))
    # Gradients in float32 lose three digits where a norm has few elements.
    unet.double()
    conditions = conditions and {key: value.double() for key, value in conditions.items()}
    sample, context = tensors["sample"].double(), tensors["context"].double()
    prediction = unet(sample, timesteps, context, added_cond_kwargs=conditions).sample
    (prediction - tensors["target"]).square().mean().backward()
    tensors["prediction"] = prediction.detach()
    tensors = {key: tensor.float() for key, tensor in tensors.items()}
    facts = {
        "config": {key: value for key, value in unet.config.items() if key in config},
        "parameters": sum(p.numel() for p in parameters.values()),
        "weights": {},
    }
    for key, parameter in sorted(unet.named_parameters(), key=lambda item: names[item[0]]):
        gradient, weight = parameter.grad, parameter.detach()
        numbers = [float(f"{number:.6e}") for number in (gradient.norm(), (gradient * weight).sum())]
        others = [key, single_file_name(unet, key, True)] if name.startswith("bk-sdm") else []
        facts["weights"][names[key]] = [list(weight.shape), *numbers, *others]
    return facts, tensors


HERE.mkdir(exist_ok=True)
for model, settings in MODELS.items():
    if len(sys.argv) > 1 and model not in sys.argv[1:]:
        continue
    computed, values = compute(model, settings)
    facts = {
        "what": f"a UNet of the shape of {model}: its weights and their gradients",
        "diffusers_version": diffusers.__version__,
        "torch": torch.__version__,
        "weight_seed": SEED,
        "timesteps": [7, 801],
        **computed,
        "shapes": {key: tensor.shape for key, tensor in values.items()},
    }
    (HERE / f"{model}.json").write_text(json.dumps(facts, separators=(",", ":")))
    save_file({key: tensor.contiguous() for key, tensor in values.items()}, HERE / f"{model}.safetensors")
