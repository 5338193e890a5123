"""PyTorch baseline: the time of one EraseDiff outer step, and the process's peak memory.

    python test/bench/torch_step.py --mode published|careful [--size 256] [--train xattn] ...
    python test/bench/torch_step.py --model tiny --checkpoint-folder DIR [--mode careful]

One outer step is: K inner gradient steps on the forget loss from the current weights (which are
then restored), and one step on retain loss + lambda * forget loss. The forget loss is the squared
distance to the model's own prediction under the anchor prompt. Two ways of doing that work:

- `published`: as in JingWu321/EraseDiff, sd/train_scripts. Every batch encodes its images with the
  VAE and its prompts with the text encoder (the forget image twice, once for each prompt), every
  UNet parameter requires a gradient though only the trained set is stepped, the anchor's graph is
  built and thrown away, and one backward pass runs over retain and forget together. Attention is
  einsum, softmax, einsum. In its favour here: only the trained weights are copied for the inner
  loop, and there is no gradient checkpointing, which takes less time and more memory. The CompVis
  configuration has it on; `--recompute` does what it does.
- `careful`: latents and text embeddings made once, gradients only for the trained set, the anchor
  without a graph, one backward pass a loss, scaled_dot_product_attention. With `--rank` low-rank
  changes of the trained set's linear layers in place of its weights; `--precision bfloat16` has the
  frozen weights in 16 bits and computes under autocast.

`--model sd15` (the default) has random float32 weights in Stable Diffusion 1.5's sizes, `sdxl` in
XL's; `tiny` reads tiny-sd.safetensors, and both modes encode its images once. Batches are random
numbers: the values do not change the work. Prints the median seconds after a warm-up step.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F

import clip_text
import ldm_unet
import ldm_vae
from checkpoint import StableDiffusion, load_tiny_sd
from timed_steps import time_steps
from tiny_world import noise_schedule

Tensor = torch.Tensor


@dataclass
class Batch:
    """Images or their latents, with a prompt's token ids or their embedding."""

    images: Tensor
    ids: Tensor
    latents: Tensor
    context: Tensor
    # SDXL's added condition.
    y: Tensor | None = None


class OuterStep:
    def __init__(self, model: StableDiffusion, options: argparse.Namespace):
        self.model, self.options = model, options
        self.published = options.mode == "published"
        self.encode_each_step = self.published and options.model == "sd15"
        self.alphas = noise_schedule()
        model.vae.requires_grad_(False)
        model.text.requires_grad_(False)
        model.unet.recompute = options.recompute
        if self.published:
            model.unet.use_published_attention()
        if options.precision == "bfloat16":
            model.unet.to(torch.bfloat16)
        if options.rank is None:
            self.parameters = ldm_unet.trained_parameters(model.unet, options.train)
        else:
            self.parameters = ldm_unet.low_rank_parameters(model.unet, options.train, options.rank)
        if not self.published:
            model.unet.requires_grad_(False)
            for parameter in self.parameters:
                parameter.requires_grad_(True)
        self.optimizer = torch.optim.Adam(self.parameters, lr=options.lr)
        self.forget, self.anchor, self.retain = (self.random_batch() for _ in range(3))

    @torch.no_grad()
    def random_batch(self) -> Batch:
        count, size = self.options.batch, self.options.size
        images = torch.rand(count, 3, size, size) * 2 - 1
        ids = torch.randint(0, 49406, (count, 77))
        if self.encode_each_step:
            nothing = torch.empty(0)
            return Batch(images, ids, nothing, nothing)
        latents, text = self.model.vae.encode(images), self.model.text(ids)
        if self.options.model == "sdxl":
            sdxl = ldm_unet.SDXL
            context = torch.randn(count, 77, sdxl.context_dim)
            return Batch(images, ids, latents, context, torch.randn(count, sdxl.adm_in_channels))
        return Batch(images, ids, latents, text)

    def encode(self, batch: Batch) -> tuple[Tensor, Tensor]:
        if not self.encode_each_step:
            return batch.latents, batch.context
        with torch.no_grad():
            noise = torch.randn(len(batch.images), 4, *(n // 8 for n in batch.images.shape[2:]))
            return self.model.vae.encode(batch.images, noise), self.model.text(batch.ids)

    def noisy(self, latents: Tensor, timesteps: Tensor, noise: Tensor) -> Tensor:
        alpha = self.alphas[timesteps][:, None, None, None]
        return alpha.sqrt() * latents + (1 - alpha).sqrt() * noise

    def random_timesteps(self) -> Tensor:
        return torch.randint(0, 1000, (self.options.batch,))

    def forget_loss(self) -> Tensor:
        latents, context = self.encode(self.forget)
        same_latents, anchor_context = self.encode(
            Batch(self.forget.images, self.anchor.ids, self.forget.latents, self.anchor.context)
        )
        timesteps, noise = self.random_timesteps(), torch.randn_like(latents)
        noisy = self.noisy(latents, timesteps, noise)
        prediction = self.predict(noisy, timesteps, context, self.forget.y)
        with torch.set_grad_enabled(self.published):
            anchored = self.noisy(same_latents, timesteps, noise)
            target = self.predict(anchored, timesteps, anchor_context, self.anchor.y).detach()
        return F.mse_loss(prediction, target)

    def retain_loss(self) -> Tensor:
        latents, context = self.encode(self.retain)
        timesteps, noise = self.random_timesteps(), torch.randn_like(latents)
        noisy = self.noisy(latents, timesteps, noise)
        prediction = self.predict(noisy, timesteps, context, self.retain.y)
        return F.mse_loss(prediction, noise)

    def predict(
        self, noisy: Tensor, timesteps: Tensor, context: Tensor, y: Tensor | None
    ) -> Tensor:
        is_half = self.options.precision == "bfloat16"
        with torch.autocast("cpu", torch.bfloat16, enabled=is_half):
            return self.model.unet(noisy, timesteps, context, y).float()

    def run(self):
        start = [parameter.detach().clone() for parameter in self.parameters]
        inner_loss = 0.0
        for _ in range(self.options.inner_steps):
            self.optimizer.zero_grad()
            loss = self.forget_loss()
            loss.backward()
            self.optimizer.step()
            inner_loss += loss.item() / self.options.inner_steps
        with torch.no_grad():
            for parameter, value in zip(self.parameters, start):
                parameter.copy_(value)
        del start
        self.optimizer.zero_grad()
        if self.published:
            gap = self.forget_loss() - inner_loss
            (self.retain_loss() + self.options.weight * gap).backward()
        else:
            self.retain_loss().backward()
            (self.options.weight * self.forget_loss()).backward()
        self.optimizer.step()


def build(options: argparse.Namespace) -> StableDiffusion:
    if options.model == "tiny":
        return load_tiny_sd(options.checkpoint_folder)
    if options.mode == "careful":
        # The cached latents and embeddings stand for a run's: small encoders make the same shapes.
        text = clip_text.ClipText(clip_text.ClipTextConfig(layers=0))
        vae = ldm_vae.AutoencoderKL(ldm_vae.GOLDEN_TINY)
    else:
        text, vae = clip_text.ClipText(), ldm_vae.AutoencoderKL()
    config = ldm_unet.SDXL if options.model == "sdxl" else ldm_unet.SD15
    return StableDiffusion(unet=ldm_unet.UNet(config), vae=vae, text=text)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", choices=["sd15", "sdxl", "tiny"], default="sd15")
    parser.add_argument("--checkpoint-folder", type=Path, help="folder of tiny-sd.safetensors")
    parser.add_argument("--mode", choices=["published", "careful"], default="careful")
    parser.add_argument("--size", type=int, help="pixels; default 256, tiny 64")
    parser.add_argument("--batch", type=int, help="default 1, tiny 8")
    parser.add_argument("--inner-steps", type=int, help="K; default 1, tiny 2")
    parser.add_argument("--train", choices=ldm_unet.TRAINED_SETS, help="default xattn, tiny full")
    parser.add_argument("--recompute", action="store_true", help="gradient checkpointing")
    parser.add_argument("--rank", type=int, help="a low-rank change instead of the weights")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--weight", type=float, default=1.0, help="lambda")
    parser.add_argument("--lr", type=float, default=1e-5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    is_tiny = options.model == "tiny"
    if options.model == "sdxl" and options.mode == "published":
        parser.error("the published procedure is for Stable Diffusion v1")
    if options.mode == "published" and (options.rank or options.precision != "float32"):
        parser.error("the published procedure trains all weights in float32")
    if is_tiny and not options.checkpoint_folder:
        parser.error("--model tiny needs --checkpoint-folder")
    options.size = options.size or (64 if is_tiny else 256)
    options.batch = options.batch or (8 if is_tiny else 1)
    if options.inner_steps is None:
        options.inner_steps = 2 if is_tiny else 1
    options.train = options.train or ("full" if is_tiny else "xattn")
    return options


def main():
    options = parse_options()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    step = OuterStep(build(options), options)
    timed = time_steps(step.run, options.repeats)
    result = {
        "torch": torch.__version__,
        "model": options.model,
        "mode": options.mode,
        "size": options.size,
        "batch": options.batch,
        "innerSteps": options.inner_steps,
        "train": options.train,
        "rank": options.rank,
        "precision": options.precision,
        "recompute": options.recompute,
        "threads": options.threads,
        "unetParameters": sum(p.numel() for p in step.model.unet.parameters()),
        "trainedParameters": sum(p.numel() for p in step.parameters),
        "secondsPerStep": timed.seconds_a_step,
        "seconds": timed.seconds,
        "peakRssBytes": timed.peak_bytes,
    }
    if options.json:
        print(json.dumps(result))
        return
    print(
        f"{options.mode} {options.model} {options.size}x{options.size}, batch {options.batch}, "
        f"K {options.inner_steps}, {options.train}: {timed}"
    )


if __name__ == "__main__":
    main()
