"""What the scripts that train small pixel-space models have in common: training of a diffusers `UNet2DModel`
and of a judge of its pictures. Needs torch, diffusers, safetensors, pillow and, to write judges, onnx.
"""

import copy
import json
import time
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel

Tensor = torch.Tensor


def train_unet(unet: UNet2DModel, draw_batch, folder: Path, options):
    """Trains by Ho et al.'s loss, as `options` (steps, batch, lr, ema) say; `draw_batch(generator, count)` gives
    pictures in [-1,1] and labels or None. A run that was ended goes on from `folder/training.pt`. The weights that
    are saved are the mean of the last ones."""
    schedule = DDPMScheduler(beta_schedule=options.schedule)
    mean = copy.deepcopy(unet).requires_grad_(False)
    optimizer = torch.optim.Adam(unet.parameters(), lr=options.lr)
    begun, state_file = 0, folder / "training.pt"
    if state_file.exists():
        state = torch.load(state_file)
        begun = state["step"]
        unet.load_state_dict(state["unet"])
        mean.load_state_dict(state["mean"])
        optimizer.load_state_dict(state["optimizer"])
    started, loss_mean = time.time(), None
    for step in range(begun, options.steps):
        # Of each step its own numbers, so that a run that goes on draws what it would have drawn.
        generator = torch.Generator().manual_seed(options.seed * 1_000_003 + step)
        pictures, labels = draw_batch(generator, options.batch)
        noise = torch.randn(pictures.shape, generator=generator)
        timesteps = torch.randint(1000, (len(pictures),), generator=generator)
        predicted = unet(schedule.add_noise(pictures, noise, timesteps), timesteps, class_labels=labels).sample
        loss = F.mse_loss(predicted, noise)
        for group in optimizer.param_groups:
            group["lr"] = options.lr * min(1, (step + 1) / 100)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
        optimizer.step()
        decay = min(options.ema, (1 + step) / (10 + step))
        with torch.no_grad():
            for kept, now in zip(mean.parameters(), unet.parameters()):
                kept.lerp_(now, 1 - decay)
        loss_mean = loss.item() if loss_mean is None else 0.98 * loss_mean + 0.02 * loss.item()
        if (step + 1) % 100 == 0 or step + 1 == options.steps:
            print(f"step {step + 1}: loss {loss_mean:.4f}, {time.time() - started:.0f} s", flush=True)
            kept = {"unet": unet, "mean": mean, "optimizer": optimizer}
            kept = {name: part.state_dict() for name, part in kept.items()}
            torch.save({"step": step + 1, **kept}, state_file)
    save_unet(mean, schedule, folder)
    return mean


def save_unet(unet: UNet2DModel, schedule: DDPMScheduler, folder: Path):
    """As a pipeline of diffusers, in single precision: half would lose much of what an erasure changes."""
    DDPMPipeline(unet=unet, scheduler=schedule).save_pretrained(folder)


class Judge(nn.Module):
    """Tells classes of small pictures [N,3,H,W] in [-1,1]; the last hidden layer serves as features."""

    def __init__(self, classes: int, side: int, width: int = 16):
        super().__init__()
        cells = (side // 8) ** 2
        self.body = nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(2 * width, 4 * width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(4 * width, 4 * width, 3, padding=1),
            nn.ReLU(),
            nn.AvgPool2d(2),
            nn.Flatten(),
            nn.Linear(4 * width * cells, 64),
            nn.ReLU(),
        )
        self.head = nn.Linear(64, classes)

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [N,classes] and features [N,64]."""
        features = self.body(pictures)
        return self.head(F.dropout(features, 0.3, self.training)), features


class Logits(nn.Module):
    """A judge that says no more than what its labels are of."""

    def __init__(self, judge: Judge):
        super().__init__()
        self.judge = judge

    def forward(self, pictures: Tensor) -> Tensor:
        return self.judge(pictures)[0]


def train_judge(judge: Judge, draw_batch, steps: int, seed: int, batch: int = 64):
    optimizer = torch.optim.Adam(judge.parameters(), lr=1e-3, weight_decay=1e-5)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    judge.train()
    for step in range(steps):
        generator = torch.Generator().manual_seed(seed * 1_000_003 + step)
        pictures, labels = draw_batch(generator, batch)
        logits, _ = judge(pictures)
        loss = F.cross_entropy(logits, labels, label_smoothing=0.02)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if (step + 1) % 500 == 0:
            print(f"judge, step {step + 1}: loss {loss.item():.4f}", flush=True)
    return judge.eval()


@torch.no_grad()
def share_right(judge: Judge, pictures: Tensor, labels: Tensor) -> float:
    found = torch.cat([judge(part)[0].argmax(1) for part in pictures.split(256)])
    return (found == labels).float().mean().item()


def save_judge(judge: Judge, aspect: str, labels: list[str], folder: Path, side: int):
    """`cls-ASPECT.onnx`, and its labels in `classifiers.json`, as the program reads them; and
    `features-ASPECT.onnx`, which gives features, too."""

    picture = (torch.zeros(1, 3, side, side),)
    for name, module, outputs in (("cls", Logits(judge), ["logits"]), ("features", judge, ["logits", "features"])):
        rows = {name: {0: "rows"} for name in ("pictures", *outputs)}
        names = {"input_names": ["pictures"], "output_names": outputs, "dynamic_axes": rows}
        torch.onnx.export(module.eval(), picture, folder / f"{name}-{aspect}.onnx", dynamo=False, **names)
    (folder / "classifiers.json").write_text(json.dumps({"labels": {aspect: labels}}, indent=1) + "\n")
