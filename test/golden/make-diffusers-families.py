"""Makes diffusers/tiny-v2 and diffusers/tiny-xl: a tiny Stable Diffusion 2.x and a tiny SDXL as diffusers
itself writes them, and what its pipelines compute with them, all in float32.

tiny-v2 predicts v; its text encoder's last state goes to the UNet. The files of tiny-xl have the variant
"fp16"; those of its UNet and of its second text encoder are several, with an index. Of the files of
weights only the names and shapes are kept: their values are drawn again from the seed, as those of the
references in models/ are. The tokenizers know letters and nothing longer.

Run by hand, when a reference changes: python make-diffusers-families.py
(in an environment with torch, diffusers and transformers)
"""

import json
import shutil
import tempfile
from pathlib import Path

import diffusers
import torch
import transformers
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    EulerDiscreteScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from random_weights import randomize
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

HERE = Path(__file__).parent / "diffusers"
SEED = 20261129
PROMPT = "a cat, and a dog!"
HEIGHT, WIDTH = 32, 48
STEPS, GUIDANCE = 4, 3.0
NOISE_SEED = 123


def draw(model):
    return randomize(model, SEED)


def vae(**settings):
    return draw(
        AutoencoderKL(
            block_out_channels=(32, 64),
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            layers_per_block=1,
            sample_size=32,
            **settings,
        )
    )


def text_encoder(kind, **settings):
    return draw(kind(CLIPTextConfig(vocab_size=100, bos_token_id=98, **settings)))


letters = "abcdefghijklmnopqrstuvwxyz,.!"
tokens = [*letters, *(f"{letter}</w>" for letter in letters)]
vocabulary = dict(zip(tokens, range(98))) | {"<|startoftext|>": 98, "<|endoftext|>": 99}


def tokenizer(pad):
    return CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=77, pad_token=pad)


schedule = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}

v2 = StableDiffusionPipeline(
    vae=vae(),
    text_encoder=text_encoder(
        CLIPTextModel, hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=4,
        hidden_act="gelu", projection_dim=512, eos_token_id=99,
    ),
    tokenizer=tokenizer("!"),
    unet=draw(
        UNet2DConditionModel(
            sample_size=16,
            block_out_channels=(32, 64),
            layers_per_block=1,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            cross_attention_dim=32,
            attention_head_dim=(2, 4),
            use_linear_projection=True,
            upcast_attention=True,
        )
    ),
    scheduler=DDIMScheduler(**schedule, prediction_type="v_prediction", clip_sample=False, set_alpha_to_one=False),
    safety_checker=None,
    feature_extractor=None,
    requires_safety_checker=False,
)

xl = StableDiffusionXLPipeline(
    vae=vae(scaling_factor=0.13025, force_upcast=True),
    text_encoder=text_encoder(
        CLIPTextModel, hidden_size=16, intermediate_size=32, num_hidden_layers=3, num_attention_heads=2,
        hidden_act="quick_gelu", projection_dim=16, eos_token_id=2,
    ),
    text_encoder_2=text_encoder(
        CLIPTextModelWithProjection, hidden_size=32, intermediate_size=64, num_hidden_layers=3,
        num_attention_heads=4, hidden_act="gelu", projection_dim=24, eos_token_id=2,
    ),
    tokenizer=tokenizer("<|endoftext|>"),
    tokenizer_2=tokenizer("!"),
    unet=draw(
        UNet2DConditionModel(
            sample_size=16,
            block_out_channels=(32, 64),
            layers_per_block=1,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            transformer_layers_per_block=(1, 2),
            attention_head_dim=(2, 4),
            cross_attention_dim=48,
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=24 + 6 * 8,
        )
    ),
    scheduler=EulerDiscreteScheduler(**schedule, prediction_type="epsilon", timestep_spacing="leading"),
)


def expected(pipe):
    """What the pipeline makes of the prompt and of nothing, of noisy latents, and a picture."""
    found = {}
    names = ["context", "unconditional"]
    with torch.no_grad():
        encoded = pipe.encode_prompt(
            prompt=PROMPT, device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=True
        )
        if len(encoded) > 2:
            names += ["pooled", "pooled_unconditional"]
        found |= {name: tensor[0].contiguous() for name, tensor in zip(names, encoded)}
        found["sample"] = torch.randn((1, 4, HEIGHT // 2, WIDTH // 2), generator=torch.manual_seed(NOISE_SEED))
        conditions = {}
        if "pooled" in found:
            time_ids = torch.tensor([[HEIGHT, WIDTH, 0, 0, HEIGHT, WIDTH]])
            conditions = {"added_cond_kwargs": {"text_embeds": encoded[2], "time_ids": time_ids}}
        for timestep in (7, 801):
            found[f"prediction.{timestep}"] = pipe.unet(found["sample"], timestep, encoded[0], **conditions).sample
        drawing = DDIMScheduler(
            **schedule, prediction_type=pipe.scheduler.config.prediction_type, timestep_spacing="leading",
            clip_sample=False, set_alpha_to_one=False,
        )
        drawn = type(pipe)(**pipe.components | {"scheduler": drawing}, **extra(pipe))(
            PROMPT, height=HEIGHT, width=WIDTH, num_inference_steps=STEPS, guidance_scale=GUIDANCE,
            latents=found["sample"].clone(), output_type="pt",
        )
        # Three channels of rows, 0 to 1.
        found["picture"] = drawn.images[0].contiguous()
    return found


def extra(pipe):
    return {"requires_safety_checker": False} if isinstance(pipe, StableDiffusionPipeline) else {}


def keep(name, pipe, **options):
    folder = Path(tempfile.mkdtemp())
    pipe.save_pretrained(folder, **options)
    weights = {}
    for file in sorted(folder.rglob("*.safetensors")):
        with safe_open(file, "pt") as opened:
            weights[str(file.relative_to(folder))] = {key: opened.get_slice(key).get_shape() for key in opened.keys()}
        file.unlink()
    shutil.rmtree(HERE / name, ignore_errors=True)
    shutil.copytree(folder, HERE / name)
    shutil.rmtree(folder)
    tensors = expected(pipe)
    modules = {"diffusers": diffusers, "transformers": transformers, "torch": torch}
    facts = {
        **{module: of.__version__ for module, of in modules.items()},
        **{"weight_seed": SEED, "prompt": PROMPT, "height": HEIGHT, "width": WIDTH},
        **{"steps": STEPS, "guidance": GUIDANCE, "noise_seed": NOISE_SEED},
        "weights": weights,
        "shapes": {key: tensor.shape for key, tensor in tensors.items()},
    }
    (HERE / f"{name}.json").write_text(json.dumps(facts, separators=(",", ":")))
    save_file(tensors, HERE / f"{name}.safetensors")


keep("tiny-v2", v2)
keep("tiny-xl", xl, variant="fp16", max_shard_size="1MB")
