"""Trains a small class-conditional pixel-space model on pictures in ten groups, and writes it as diffusers does.

    python train_emoji_ddpm.py TILES.png ROWS.json OUT [--minutes 10] [--side 32]

TILES.png has 64x64 tiles, 48 a row, in the order of ROWS.json (a list of objects with "group"). One thread; the
average of the weights is what is written.
"""

import argparse
import json
import time

import numpy
import torch
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel
from PIL import Image

TILE, TILES_A_ROW, BATCH, RATE, DECAY = 64, 48, 32, 4e-4, 0.995


def read_pictures(tiles, rows, side):
    sheet = Image.open(tiles).convert("RGB")
    groups = sorted({row["group"] for row in rows})
    pictures, labels = [], []
    for i, row in enumerate(rows):
        left, top = TILE * (i % TILES_A_ROW), TILE * (i // TILES_A_ROW)
        tile = sheet.crop((left, top, left + TILE, top + TILE)).resize((side, side), Image.BOX)
        pictures.append(numpy.asarray(tile, dtype=numpy.float32) / 127.5 - 1)
        labels.append(groups.index(row["group"]))
    return torch.tensor(numpy.stack(pictures)).permute(0, 3, 1, 2), torch.tensor(labels), groups


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tiles")
    parser.add_argument("rows")
    parser.add_argument("out")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--side", type=int, default=32)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with open(options.rows) as file:
        pictures, labels, groups = read_pictures(options.tiles, json.load(file), options.side)
    unet = UNet2DModel(
        sample_size=options.side,
        block_out_channels=(32, 64, 96),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D"),
        norm_num_groups=16,
        num_class_embeds=len(groups),
    )
    scheduler = DDPMScheduler()
    average = {key: value.clone() for key, value in unet.state_dict().items()}
    optimizer = torch.optim.Adam(unet.parameters(), lr=RATE)
    started, step, recent = time.monotonic(), 0, []
    while (elapsed := time.monotonic() - started) < 60 * options.minutes:
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1, step / 100) * (1 - elapsed / (60 * options.minutes)) ** 0.5
        rows = torch.randint(len(pictures), (BATCH,))
        flipped = torch.where(torch.rand(BATCH, 1, 1, 1) < 0.5, pictures[rows], pictures[rows].flip(3))
        noise = torch.randn_like(flipped)
        timesteps = torch.randint(1000, (BATCH,))
        noisy = scheduler.add_noise(flipped, noise, timesteps)
        predicted = unet(noisy, timesteps, class_labels=labels[rows]).sample
        loss = torch.nn.functional.mse_loss(predicted, noise)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
        optimizer.step()
        for key, value in unet.state_dict().items():
            average[key].lerp_(value, 1 - min(DECAY, (1 + step) / (10 + step)))
        step += 1
        recent = [*recent[-99:], loss.item()]
        if step % 100 == 0:
            print(f"step {step}, {elapsed:.0f} s, loss {sum(recent) / len(recent):.4f}", flush=True)
    unet.load_state_dict(average)
    DDPMPipeline(unet=unet, scheduler=scheduler).save_pretrained(options.out)
    print(f"{step} steps; classes: {', '.join(f'{i} {group}' for i, group in enumerate(groups))}")


if __name__ == "__main__":
    main()
