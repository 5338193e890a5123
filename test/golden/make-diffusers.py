"""Makes diffusers/: a tiny Stable Diffusion 1.x model as diffusers itself writes one, and what diffusers
and transformers compute with it, all in float32.

The UNet's weights are in several files with an index, the text encoder's have the variant "fp16". Of
the files of weights only the names and shapes are kept: their values are drawn again from the seed,
as those of the references in models/ are. The tokenizer knows letters and nothing longer.

Run by hand, when a reference changes: python make-diffusers.py
(in an environment with torch, diffusers and transformers)
"""

import json
import shutil
import tempfile
from pathlib import Path

import diffusers
import torch
import transformers
from diffusers import AutoencoderKL, PNDMScheduler, UNet2DConditionModel
from random_weights import randomize
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

HERE = Path(__file__).parent / "diffusers"
SEED = 20261126


def draw(model):
    return randomize(model, SEED)


unet = draw(
    UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(32, 64),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=4,
    )
)
vae = draw(
    AutoencoderKL(
        block_out_channels=(32, 64),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        layers_per_block=1,
        sample_size=16,
        scaling_factor=0.2,
    )
)
text_encoder = draw(
    CLIPTextModel(
        CLIPTextConfig(
            vocab_size=100,
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            projection_dim=16,
            bos_token_id=98,
            eos_token_id=99,
        )
    )
)
scheduler = PNDMScheduler(
    beta_start=0.00085, beta_end=0.011, beta_schedule="scaled_linear", prediction_type="v_prediction", steps_offset=1
)

torch.manual_seed(SEED)
tensors = {
    "sample": torch.randn(2, 4, 8, 8),
    "timesteps": torch.tensor([7, 801]),
    "context": torch.randn(2, 77, 16),
    "image": torch.randn(1, 3, 16, 16),
    "latents": torch.randn(1, 4, 8, 8),
    "ids": torch.randint(0, 98, (1, 77)),
}
with torch.no_grad():
    tensors["prediction"] = unet(tensors["sample"], tensors["timesteps"], tensors["context"]).sample
    tensors["moments"] = vae.encode(tensors["image"]).latent_dist.parameters
    tensors["decoded"] = vae.decode(tensors["latents"]).sample
    tensors["hidden"] = text_encoder(tensors["ids"]).last_hidden_state

folder = Path(tempfile.mkdtemp())
unet.save_pretrained(folder / "unet", max_shard_size="800KB")
vae.save_pretrained(folder / "vae")
text_encoder.save_pretrained(folder / "text_encoder", variant="fp16")
letters = "abcdefghijklmnopqrstuvwxyz,.!"
tokens = [*letters, *(f"{letter}</w>" for letter in letters)]
vocabulary = dict(zip(tokens, range(98))) | {"<|startoftext|>": 98, "<|endoftext|>": 99}
tokenizer = CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=77)
tokenizer.save_pretrained(folder / "tokenizer")
scheduler.save_pretrained(folder / "scheduler")
index = {
    "_class_name": "StableDiffusionPipeline",
    "_diffusers_version": diffusers.__version__,
    "safety_checker": [None, None],
    "scheduler": ["diffusers", "PNDMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
}
(folder / "model_index.json").write_text(json.dumps(index, indent=2) + "\n")

weights = {}
for file in sorted(folder.rglob("*.safetensors")):
    with safe_open(file, "pt") as opened:
        weights[str(file.relative_to(folder))] = {key: opened.get_slice(key).get_shape() for key in opened.keys()}
    file.unlink()
shutil.rmtree(HERE, ignore_errors=True)
shutil.copytree(folder, HERE / "tiny")
shutil.rmtree(folder)
modules = {"diffusers": diffusers, "transformers": transformers, "torch": torch}
facts = {
    "what": "a tiny Stable Diffusion 1.x model that diffusers wrote: names and shapes of its weights by file",
    **{name: module.__version__ for name, module in modules.items()},
    "weight_seed": SEED,
    "weights": weights,
    "shapes": {key: tensor.shape for key, tensor in tensors.items()},
}
(HERE / "tiny.json").write_text(json.dumps(facts, separators=(",", ":")))
save_file(tensors, HERE / "tiny.safetensors")
