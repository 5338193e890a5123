"""PyTorch baseline for pixel-space models, written with care: the time of one EraseDiff outer step, and the
process's peak memory.

    python test/bench/torch_pixel_step.py --model FOLDER [--batch 1] [--inner-steps 1]
    python test/bench/torch_pixel_step.py --write FOLDER

FOLDER is a pipeline of diffusers; `--write` makes one of the sizes of google/ddpm-celebahq-256 with random
weights. One outer step is: K inner steps of gradient descent on the forget loss from the current weights (which
are then restored), and one step of Adam on retain loss + lambda * forget loss, all parameters, a backward pass for
each loss. The forget loss is the squared distance to noise. Batches are random numbers: the values do not change
the work. Prints the median seconds after a warm-up step.
"""

import argparse
from pathlib import Path

import torch
import torch.nn.functional as F
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel

from timed_steps import time_steps

Tensor = torch.Tensor


def celebahq() -> UNet2DModel:
    """As in the config.json of google/ddpm-celebahq-256."""
    plain = ["DownBlock2D"] * 6
    return UNet2DModel(
        sample_size=256,
        block_out_channels=(128, 128, 256, 256, 512, 512),
        down_block_types=(*plain[:4], "AttnDownBlock2D", plain[5]),
        up_block_types=("UpBlock2D", "AttnUpBlock2D", *["UpBlock2D"] * 4),
        layers_per_block=2,
        attention_head_dim=None,
        downsample_padding=0,
        flip_sin_to_cos=False,
        freq_shift=1,
        norm_eps=1e-6,
    )


class OuterStep:
    def __init__(self, unet: UNet2DModel, options: argparse.Namespace):
        self.unet, self.options = unet, options
        self.parameters = list(unet.parameters())
        self.optimizer = torch.optim.Adam(self.parameters, lr=options.lr)

    def add_gradient(self, weight: float):
        """Of a denoising loss, and of one that steers to noise, which cost the same."""
        config, batch = self.unet.config, self.options.batch
        size = self.options.size or config.sample_size
        noisy, target = torch.randn(2, batch, config.in_channels, size, size)
        timesteps = torch.randint(0, 1000, (batch,))
        labels = torch.randint(0, config.num_class_embeds, (batch,)) if config.num_class_embeds else None
        prediction = self.unet(noisy, timesteps, class_labels=labels).sample
        (weight * F.mse_loss(prediction, target)).backward()

    def run(self):
        start = [parameter.detach().clone() for parameter in self.parameters] if self.options.inner_steps else []
        for _ in range(self.options.inner_steps):
            self.optimizer.zero_grad()
            self.add_gradient(1)
            with torch.no_grad():
                for parameter in self.parameters:
                    parameter.sub_(parameter.grad, alpha=self.options.lr)
        with torch.no_grad():
            for parameter, value in zip(self.parameters, start):
                parameter.copy_(value)
        del start
        self.optimizer.zero_grad()
        self.add_gradient(1)
        self.add_gradient(self.options.weight)
        self.optimizer.step()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=Path)
    parser.add_argument("--write", type=Path)
    parser.add_argument("--size", type=int, help="pixels; default the model's own")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--inner-steps", type=int, default=1, help="K")
    parser.add_argument("--weight", type=float, default=1.0, help="lambda")
    parser.add_argument("--lr", type=float, default=1e-5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    if options.write:
        DDPMPipeline(unet=celebahq(), scheduler=DDPMScheduler()).save_pretrained(options.write)
        return
    if not options.model:
        parser.error("--model or --write is needed")
    folder = options.model / "unet"
    unet = UNet2DModel.from_pretrained(folder if folder.exists() else options.model, local_files_only=True)
    step = OuterStep(unet, options)
    found = time_steps(step.run, options.repeats)
    count = sum(p.numel() for p in step.parameters)
    print(f"{count / 1e6:.1f} M parameters, batch {options.batch}, K {options.inner_steps}: {found}")


if __name__ == "__main__":
    main()
