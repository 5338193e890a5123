"""Makes lora-files.json and lora-files.safetensors: the names that diffusers gives the tensors of a LoRA file
for the tiny model of diffusers/tiny, and what its UNet and text encoder compute with one on top, in float32.

The values of the file are drawn again from the seed by test/adapters/read-lora.test.ts, in the order of the
names. That diffusers reads kohya's names and alphas of the same change is asserted here.

Run by hand, when the reference changes: python make-lora-files.py
(in an environment with torch, diffusers, transformers and peft)
"""

import json
import tempfile
from pathlib import Path

import diffusers
import peft
import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from peft import LoraConfig, inject_adapter_in_model
from peft.utils import get_peft_model_state_dict
from random_weights import randomize
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel

HERE = Path(__file__).parent
FACTS = json.loads((HERE / "diffusers/tiny.json").read_text())
SEED, STRENGTH = 20261201, 0.7
UNET = dict(r=2, lora_alpha=3)
TEXT = dict(r=2, lora_alpha=4)
UNET_LAYERS = ["to_q", "to_k", "to_v", "to_out.0", "proj_in", "proj_out", "ff.net.0.proj", "ff.net.2", "time_emb_proj"]
UNET_CONVOLUTIONS = ["conv1", "conv2", "conv_shortcut", "downsamplers.0.conv", "upsamplers.0.conv"]
TEXT_LAYERS = ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"]


def models():
    unet = UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(HERE / "diffusers/tiny/unet"))
    config = CLIPTextConfig(**json.loads((HERE / "diffusers/tiny/text_encoder/config.json").read_text()))
    return randomize(unet, FACTS["weight_seed"]), randomize(CLIPTextModel(config), FACTS["weight_seed"])


inputs = load_file(HERE / "diffusers/tiny.safetensors")


def compute(unet, text_encoder):
    with torch.no_grad():
        return {
            "prediction": unet(inputs["sample"], inputs["timesteps"], inputs["context"]).sample.contiguous(),
            "hidden": text_encoder(inputs["ids"].long()).last_hidden_state.contiguous(),
        }


unet, text_encoder = models()
unet.add_adapter(LoraConfig(**UNET, target_modules=UNET_LAYERS + UNET_CONVOLUTIONS))
inject_adapter_in_model(LoraConfig(**TEXT, target_modules=TEXT_LAYERS), text_encoder)
folder = Path(tempfile.mkdtemp())
StableDiffusionPipeline.save_lora_weights(
    folder,
    unet_lora_layers=get_peft_model_state_dict(unet, adapter_name="default"),
    text_encoder_lora_layers=get_peft_model_state_dict(text_encoder, adapter_name="default"),
    unet_lora_adapter_metadata=unet.peft_config["default"].to_dict(),
    text_encoder_lora_adapter_metadata=LoraConfig(**TEXT, target_modules=TEXT_LAYERS).to_dict(),
)
file = folder / "pytorch_lora_weights.safetensors"
with safe_open(file, "pt") as opened:
    metadata = opened.metadata()
    shapes = {key: list(opened.get_slice(key).get_shape()) for key in opened.keys()}
torch.manual_seed(SEED)
values = {key: 0.1 * torch.randn(shapes[key]) for key in sorted(shapes)}

parameters = {
    **{f"unet.{name}": p for name, p in unet.named_parameters()},
    **{f"text_encoder.{name}": p for name, p in text_encoder.named_parameters()},
}
for key, value in values.items():
    with torch.no_grad():
        parameters[key.replace(".weight", ".default.weight")].copy_(value)
for model, settings in ((unet, UNET), (text_encoder, TEXT)):
    for module in model.modules():
        if hasattr(module, "lora_A"):
            module.scaling["default"] = STRENGTH * settings["lora_alpha"] / settings["r"]
results = compute(unet, text_encoder)
adapters = json.loads(metadata["lora_adapter_metadata"])
adapters = {name: value for name, value in adapters.items() if name.split(".")[1] in ("r", "lora_alpha", "use_rslora")}

# The same change as kohya's trainers write it.
kohya = {}
for key, value in values.items():
    part, layer = key.split(".", 1)
    layer, which = layer.rsplit(".lora_", 1)
    # Of transformers before version 5, by which trainers name it, everything is in a `text_model`.
    name = f"lora_{'unet' if part == 'unet' else 'te_text_model'}_{layer.replace('.', '_')}"
    kohya[f"{name}.lora_{'down' if which.startswith('A') else 'up'}.weight"] = value
    kohya[f"{name}.alpha"] = torch.tensor(float((UNET if part == "unet" else TEXT)["lora_alpha"]))
save_file(kohya, folder / "kohya.safetensors")
fresh, fresh_text = models()
state, alphas = StableDiffusionPipeline.lora_state_dict(folder / "kohya.safetensors", unet_config=fresh.config)
StableDiffusionPipeline.load_lora_into_unet(state, alphas, fresh, adapter_name="kohya")
fresh.set_adapters(["kohya"], [STRENGTH])
gap = (compute(fresh, fresh_text)["prediction"] - results["prediction"]).abs().max()
assert gap < 1e-5, gap

facts = {
    "what": "a LoRA file that diffusers wrote for diffusers/tiny: its metadata, names and shapes",
    "diffusers": diffusers.__version__,
    "peft": peft.__version__,
    "seed": SEED,
    "strength": STRENGTH,
    "metadata": {**metadata, "lora_adapter_metadata": json.dumps(adapters)},
    "shapes": {key: shapes[key] for key in values},
    "kohya": sorted(kohya),
}
(HERE / "lora-files.json").write_text(json.dumps(facts, separators=(",", ":")) + "\n")
save_file(results, HERE / "lora-files.safetensors")
