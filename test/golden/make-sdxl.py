"""Makes sdxl.safetensors and sdxl.json: what transformers and diffusers make of a prompt for SDXL, in
float32, with two tiny text encoders of random weights.

Of the weights only names and shapes are kept, as a single-file checkpoint has them: their values are
drawn again from the seed, as those of the references in models/ are.

Run by hand, when a reference changes: python make-sdxl.py
(in an environment with torch, diffusers and transformers)
"""

import json
from pathlib import Path

import diffusers
import torch
import transformers
from diffusers.models.embeddings import Timesteps
from random_weights import draw_again
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

HERE = Path(__file__).parent
SEED = 20261127
VOCABULARY = {"vocab_size": 49408, "bos_token_id": 49406, "eos_token_id": 49407}
FIRST = "conditioner.embedders.0.transformer.text_model."
SECOND = "conditioner.embedders.1.model."
SIZE_CHANNELS = 16
IMAGE = (48, 64)  # height, width

first = CLIPTextModel(
    CLIPTextConfig(
        **VOCABULARY, hidden_size=16, intermediate_size=32, num_hidden_layers=3, num_attention_heads=2,
        hidden_act="quick_gelu",
    )
).eval()
second = CLIPTextModelWithProjection(
    CLIPTextConfig(
        **VOCABULARY, hidden_size=64, intermediate_size=128, num_hidden_layers=3, num_attention_heads=1,
        hidden_act="gelu", projection_dim=48,
    )
).eval()


# Versions of transformers before 5 have the inner name in this class too.
PREFIX = "text_model." if "text_model.final_layer_norm.bias" in first.state_dict() else ""


def open_clip_tensors(model):
    """The weights of a transformers model as open_clip names and joins them."""
    ours = {}
    state = model.state_dict()
    ours["token_embedding.weight"] = state["text_model.embeddings.token_embedding.weight"]
    ours["positional_embedding"] = state["text_model.embeddings.position_embedding.weight"]
    ours["ln_final.weight"] = state["text_model.final_layer_norm.weight"]
    ours["ln_final.bias"] = state["text_model.final_layer_norm.bias"]
    ours["text_projection"] = state["text_projection.weight"].T
    for i in range(model.config.num_hidden_layers):
        theirs, block = f"text_model.encoder.layers.{i}.", f"transformer.resblocks.{i}."
        for kind in ("weight", "bias"):
            ours[f"{block}ln_1.{kind}"] = state[f"{theirs}layer_norm1.{kind}"]
            ours[f"{block}ln_2.{kind}"] = state[f"{theirs}layer_norm2.{kind}"]
            ours[f"{block}attn.out_proj.{kind}"] = state[f"{theirs}self_attn.out_proj.{kind}"]
            ours[f"{block}mlp.c_fc.{kind}"] = state[f"{theirs}mlp.fc1.{kind}"]
            ours[f"{block}mlp.c_proj.{kind}"] = state[f"{theirs}mlp.fc2.{kind}"]
            joined = [state[f"{theirs}self_attn.{part}_proj.{kind}"] for part in "qkv"]
            ours[f"{block}attn.in_proj_{kind}"] = torch.cat(joined)
    return ours


def views():
    """Every tensor of the checkpoint."""
    named = {FIRST + key.removeprefix(PREFIX): t for key, t in first.state_dict().items()}
    named |= {SECOND + key: t for key, t in open_clip_tensors(second).items()}
    return {key: t for key, t in named.items() if t.is_floating_point()}


shapes = {key: list(t.shape) for key, t in views().items()}
drawn = dict(draw_again(SEED, shapes))
first.load_state_dict(
    {PREFIX + key.removeprefix(FIRST): t for key, t in drawn.items() if key.startswith(FIRST)}, strict=False
)
state = second.state_dict()
for key, t in drawn.items():
    if not key.startswith(SECOND):
        continue
    key = key.removeprefix(SECOND)
    if ".attn.in_proj_" in key:
        i, kind = key.split(".")[2], key.rsplit("_", 1)[1]
        for part, rows in zip("qkv", t.chunk(3)):
            state[f"text_model.encoder.layers.{i}.self_attn.{part}_proj.{kind}"] = rows
        continue
    if key == "text_projection":
        state["text_projection.weight"] = t.T
        continue
    for theirs, ours in (
        ("text_model.embeddings.token_embedding.weight", "token_embedding.weight"),
        ("text_model.embeddings.position_embedding.weight", "positional_embedding"),
        ("text_model.final_layer_norm", "ln_final"),
        ("text_model.encoder.layers", "transformer.resblocks"),
        ("layer_norm1", "ln_1"),
        ("layer_norm2", "ln_2"),
        ("self_attn.out_proj", "attn.out_proj"),
        ("mlp.fc1", "mlp.c_fc"),
        ("mlp.fc2", "mlp.c_proj"),
    ):
        key = key.replace(ours, theirs)
    assert key in state, key
    state[key] = t
second.load_state_dict(state)
for key, t in views().items():
    assert torch.equal(t, drawn[key]), key

# As CLIPTokenizer makes them, without start and end; SDXL's first tokenizer pads with the end token,
# the second with "!", whose id is 0.
TOKENIZED = json.loads((HERE / "tokenizer.json").read_text())["prompts"][:2]
PROMPTS = {prompt["text"]: [49406, *prompt["ids"], 49407] for prompt in TOKENIZED}


def padded(ids, pad):
    return torch.tensor([ids + [pad] * (77 - len(ids))])


tensors = {}
sizes = Timesteps(SIZE_CHANNELS, flip_sin_to_cos=True, downscale_freq_shift=0)
# StableDiffusionXLPipeline._get_add_time_ids
time_ids = torch.tensor([*IMAGE, 0, 0, *IMAGE])
with torch.no_grad():
    for i, (prompt, ids) in enumerate(PROMPTS.items()):
        # StableDiffusionXLPipeline.encode_prompt
        of_first = first(padded(ids, 49407), output_hidden_states=True)
        of_second = second(padded(ids, 0), output_hidden_states=True)
        context = torch.cat([of_first.hidden_states[-2], of_second.hidden_states[-2]], dim=-1)
        tensors[f"context.{i}"] = context[0].contiguous()
        tensors[f"pooled.{i}"] = of_second.text_embeds[0].contiguous()
        # UNet2DConditionModel.get_aug_embed
        tensors[f"y.{i}"] = torch.cat([of_second.text_embeds[0], sizes(time_ids).reshape(-1)])

save_file(tensors, HERE / "sdxl.safetensors")
facts = {
    "torch": torch.__version__,
    "transformers": transformers.__version__,
    "diffusers": diffusers.__version__,
    "weight_seed": SEED,
    "image": IMAGE,
    "prompts": list(PROMPTS),
    "shapes": shapes,
}
(HERE / "sdxl.json").write_text(json.dumps(facts, separators=(",", ":")))
