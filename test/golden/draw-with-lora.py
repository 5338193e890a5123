"""Draws the same pictures with a model in a folder, with a LoRA file on top of it as diffusers loads it, and
with the merged model, and prints the mean differences in steps of 255 as JSON.

For test/adapters/lora-in-diffusers.test.ts: python draw-with-lora.py FOLDER LORA MERGED CONTEXTS
CONTEXTS is a safetensors file with the states of prompts, `prompts` and `empty` [N, T, D].
(in an environment with torch, diffusers, transformers and peft)
"""

import json
import sys

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import load_file
from transformers import CLIPTextModel

original, lora, merged, contexts = sys.argv[1:]
states = load_file(contexts)


def open_pipeline(folder):
    pipe = StableDiffusionPipeline(
        vae=AutoencoderKL.from_pretrained(folder, subfolder="vae", torch_dtype=torch.float32),
        text_encoder=CLIPTextModel.from_pretrained(folder, subfolder="text_encoder", torch_dtype=torch.float32),
        tokenizer=None,
        unet=UNet2DConditionModel.from_pretrained(folder, subfolder="unet", torch_dtype=torch.float32),
        scheduler=DDIMScheduler.from_pretrained(folder, subfolder="scheduler"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def draw(pipe):
    generators = [torch.Generator().manual_seed(seed) for seed in range(len(states["prompts"]))]
    return pipe(
        prompt_embeds=states["prompts"],
        negative_prompt_embeds=states["empty"],
        num_inference_steps=10,
        guidance_scale=5,
        height=64,
        width=64,
        generator=generators,
        output_type="np",
    ).images


pipe = open_pipeline(original)
plain = draw(pipe)
pipe.load_lora_weights(lora)
on_top = draw(pipe)
in_weights = draw(open_pipeline(merged))
mean = lambda a, b: float(abs(a - b).mean() * 255)
print(json.dumps({"mergedFromLora": mean(in_weights, on_top), "loraFromOriginal": mean(on_top, plain)}))
