"""Makes text-encoders.json and .safetensors: what transformers makes of prompts with text encoders and
tokenizers of unusual configs, and which ids their tokenizers give.

There is one set of weights, drawn again by the tests from the seed: a text encoder with four layers and
a token table for the vocabulary and three words more. Each case has its own config.json (cases) and
tokenizer files (tokenizers), as people's folders have them.

Run by hand, when a reference changes: python make-text-encoders.py
(in an environment with torch, transformers and diffusers)
"""

import json
import tempfile
from pathlib import Path

import torch
import transformers
from diffusers.loaders import TextualInversionLoaderMixin
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from random_weights import draw_again

HERE = Path(__file__).parent
SEED = 20261129
START, END = "<|startoftext|>", "<|endoftext|>"

letters = [*"abcdefghijklmnopqrstuvwxyz", ",", "!"]
pairs = ["i n", "t h", "a n", "r e", "a r", "e r", "th e</w>", "in g</w>", "o n", "a t</w>", "c at</w>", "o f</w>"]
pairs += ["an d</w>", "p h", "ph o", "t o</w>", "pho to</w>", "re d</w>", "d o", "do g</w>"]
tokens = [*letters, *(f"{letter}</w>" for letter in letters), *(pair.replace(" ", "") for pair in pairs), START, END]
VOCABULARY = {token: i for i, token in enumerate(tokens)}
WORDS = len(VOCABULARY)
vocabulary = {"vocab.json": VOCABULARY, "merges.txt": "\n".join(["#version: 0.2", *pairs, ""])}
settings = {"model_max_length": 77, "tokenizer_class": "CLIPTokenizer"}


def word(content, **flags):
    return {"content": content, "lstrip": False, "normalized": True, "rstrip": False, "single_word": False, **flags}


frame = {
    str(VOCABULARY[START]): word(START, special=True),
    str(VOCABULARY[END]): word(END, special=True),
}
added = {"<cat-toy>": WORDS, "<cat-toy>_1": WORDS + 1, "RedCat": WORDS + 2}

TOKENIZERS = {
    "plain": {**vocabulary, "tokenizer_config.json": settings},
    "added": {**vocabulary, "tokenizer_config.json": settings, "added_tokens.json": added},
    "decoder": {
        **vocabulary,
        "tokenizer_config.json": {
            **settings,
            "added_tokens_decoder": {
                **frame,
                str(WORDS): word("<cat-toy>", normalized=False, special=False),
                str(WORDS + 1): word("RedCat", special=False),
            },
        },
    },
    "pad": {**vocabulary, "tokenizer_config.json": {**settings, "pad_token": "!"}},
    "map": {
        **vocabulary,
        "tokenizer_config.json": {**settings, "pad_token": "!"},
        "special_tokens_map.json": {"pad_token": word("[PAD]"), "additional_special_tokens": ["photo"]},
    },
    "short": {**vocabulary, "tokenizer_config.json": {**settings, "model_max_length": 24}},
}

CONFIG = {
    "architectures": ["CLIPTextModel"],
    "model_type": "clip_text_model",
    "vocab_size": WORDS + 3,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "max_position_embeddings": 77,
    "hidden_act": "quick_gelu",
    "layer_norm_eps": 1e-5,
}
CASES = {
    "whole": ("plain", CONFIG),
    "fewer layers": ("plain", {**CONFIG, "num_hidden_layers": 3}),
    "one layer": ("plain", {**CONFIG, "num_hidden_layers": 1}),
    "gelu": ("plain", {**CONFIG, "hidden_act": "gelu"}),
    "epsilon": ("plain", {**CONFIG, "layer_norm_eps": 0.1}),
    "more heads": ("plain", {**CONFIG, "num_attention_heads": 8}),
    "old end": ("plain", {**CONFIG, "eos_token_id": 2, "bos_token_id": 0, "projection_dim": 512}),
    "part of a whole": ("plain", {"model_type": "clip", "text_config": {**CONFIG, "num_hidden_layers": 2}}),
    "added words": ("added", CONFIG),
    "other padding": ("pad", CONFIG),
    "added padding": ("map", CONFIG),
    "short prompts": ("short", CONFIG),
}
PROMPT = "a photo of a <cat-toy>, the red cat!"
PROMPTS = [
    PROMPT,
    "",
    "A PHOTO of <CAT-TOY> and <cat-toy>_1",
    "redcat redcats, RedCat!",
    "x<cat-toy>y <cat-toy><cat-toy>",
    "the dog; a 7 and ärger",
    "photo photograph photo!",
    f"red {END} cat {START}",
]

tensors, ids, cases = {}, {}, {}
with tempfile.TemporaryDirectory() as temporary:

    def write(name, files):
        folder = Path(temporary) / name
        folder.mkdir()
        for file, content in files.items():
            (folder / file).write_text(content if isinstance(content, str) else json.dumps(content))
        return folder

    tokenizers = {name: CLIPTokenizer.from_pretrained(write(name, files)) for name, files in TOKENIZERS.items()}
    # What a pipeline does with textual inversions of several vectors.
    convert = TextualInversionLoaderMixin().maybe_convert_prompt
    for name, tokenizer in tokenizers.items():
        converted = [convert(prompt, tokenizer) for prompt in PROMPTS]
        ids[name] = [tokenizer(prompt, add_special_tokens=False).input_ids for prompt in converted]
    # As transformers 5 writes one: everything in tokenizer.json.
    tokenizers["added"].save_pretrained(Path(temporary) / "saved")
    saved = {
        file: json.loads((Path(temporary) / "saved" / file).read_text())
        for file in ("tokenizer.json", "tokenizer_config.json")
    }
    whole = CLIPTextModel(CLIPTextConfig(**CONFIG))
    shapes = {name: list(parameter.shape) for name, parameter in whole.named_parameters()}
    whole.load_state_dict(dict(draw_again(SEED, shapes)), strict=False)
    for name, (form, config) in CASES.items():
        folder = write(f"case {name}", {"config.json": config})
        save_file(whole.state_dict(), folder / "model.safetensors", metadata={"format": "pt"})
        model = CLIPTextModel.from_pretrained(folder).eval()
        tokenizer = tokenizers[form]
        prompt = convert(PROMPT, tokenizer)
        length = tokenizer.model_max_length
        inputs = tokenizer(prompt, padding="max_length", max_length=length, truncation=True, return_tensors="pt")
        with torch.no_grad():
            tensors[name] = model(inputs.input_ids).last_hidden_state[0]
        cases[name] = {"tokenizer": form, "config": config}

facts = {
    "what": "text encoders and tokenizers of unusual configs, by transformers",
    "transformers": transformers.__version__,
    "torch": torch.__version__,
    "weight_seed": SEED,
    "weight_shapes": shapes,
    "prompt": PROMPT,
    "prompts": PROMPTS,
    "tokenizers": {**TOKENIZERS, "saved": saved},
    "ids": {**ids, "saved": ids["added"]},
    "cases": cases,
}
(HERE / "text-encoders.json").write_text(json.dumps(facts, separators=(",", ":")))
save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, HERE / "text-encoders.safetensors")
