"""The UNet of Stable Diffusion v1 and XL in PyTorch, with the parameter names of its checkpoints.

A state dict of this module has exactly the keys `model.diffusion_model.*` of a single-file
checkpoint without that prefix, so loading is `load_state_dict`. Used as the PyTorch baseline of the
benchmark and of the erasing experiments; checked against golden vectors by check_models.py.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

Tensor = torch.Tensor


@dataclass(frozen=True)
class UNetConfig:
    model_channels: int = 320
    channel_mult: tuple[int, ...] = (1, 2, 4, 4)
    num_res_blocks: int = 2
    # Levels (downsampling factors) that carry attention.
    attention_resolutions: tuple[int, ...] = (4, 2, 1)
    num_heads: int = 8
    context_dim: int = 768
    channels: int = 4
    # SDXL: channels of a head in place of their number, transformer blocks of each level, fully
    # connected projections, and the width of the added condition.
    num_head_channels: int | None = None
    transformer_depth: tuple[int, ...] = (1, 1, 1, 1)
    use_linear: bool = False
    adm_in_channels: int | None = None


SD15 = UNetConfig()
SDXL = UNetConfig(
    channel_mult=(1, 2, 4),
    attention_resolutions=(4, 2),
    context_dim=2048,
    num_head_channels=64,
    transformer_depth=(0, 2, 10),
    use_linear=True,
    adm_in_channels=2816,
)
TINY_SD = UNetConfig(model_channels=64, channel_mult=(1, 1, 1, 1), context_dim=64)
GOLDEN_TINY = UNetConfig(model_channels=32, channel_mult=(1, 1, 2, 2), context_dim=64)
GOLDEN_TINY_XL = UNetConfig(
    model_channels=32,
    channel_mult=(1, 1, 1),
    attention_resolutions=(4, 2),
    context_dim=96,
    num_head_channels=16,
    transformer_depth=(1, 1, 2),
    use_linear=True,
    adm_in_channels=176,
)


def timestep_embedding(timesteps: Tensor, dim: int) -> Tensor:
    """[cos, sin] features of 0-based timesteps, frequencies 10000^(-i / (dim/2))."""
    half = dim // 2
    frequencies = torch.exp(-math.log(10000) * torch.arange(half, dtype=torch.float32) / half)
    angles = timesteps.float()[:, None] * frequencies[None]
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


class CrossAttention(nn.Module):
    def __init__(self, dim: int, context_dim: int, heads: int):
        super().__init__()
        self.heads = heads
        # False: the einsum-softmax-einsum of the published code, which stores the weights.
        self.use_sdpa = True
        self.to_q = nn.Linear(dim, dim, bias=False)
        self.to_k = nn.Linear(context_dim, dim, bias=False)
        self.to_v = nn.Linear(context_dim, dim, bias=False)
        self.to_out = nn.Sequential(nn.Linear(dim, dim), nn.Dropout(0.0))

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        q, k, v = (
            y.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for y in (self.to_q(x), self.to_k(context), self.to_v(context))
        )
        if self.use_sdpa:
            out = F.scaled_dot_product_attention(q, k, v)
        else:
            scores = torch.einsum("bhid,bhjd->bhij", q, k) * q.shape[-1] ** -0.5
            out = torch.einsum("bhij,bhjd->bhid", scores.softmax(dim=-1), v)
        return self.to_out(out.transpose(1, 2).flatten(2))


class GEGLU(nn.Module):
    def __init__(self, dim: int, inner: int):
        super().__init__()
        self.proj = nn.Linear(dim, inner * 2)

    def forward(self, x: Tensor) -> Tensor:
        x, gate = self.proj(x).chunk(2, dim=-1)
        return x * F.gelu(gate)


class FeedForward(nn.Module):
    def __init__(self, dim: int):
        super().__init__()
        inner = dim * 4
        self.net = nn.Sequential(GEGLU(dim, inner), nn.Dropout(0.0), nn.Linear(inner, dim))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


class BasicTransformerBlock(nn.Module):
    def __init__(self, dim: int, context_dim: int, heads: int):
        super().__init__()
        self.attn1 = CrossAttention(dim, dim, heads)
        self.ff = FeedForward(dim)
        self.attn2 = CrossAttention(dim, context_dim, heads)
        self.norm1 = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)
        self.norm3 = nn.LayerNorm(dim)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        own = self.norm1(x)
        x = self.attn1(own, own) + x
        x = self.attn2(self.norm2(x), context) + x
        return self.ff(self.norm3(x)) + x


class SpatialTransformer(nn.Module):
    def __init__(self, channels: int, depth: int, config: UNetConfig):
        super().__init__()
        heads = config.num_heads
        if config.num_head_channels:
            heads = channels // config.num_head_channels
        self.use_linear = config.use_linear
        self.norm = nn.GroupNorm(32, channels, eps=1e-6)
        self.proj_in = self.projection(channels)
        self.transformer_blocks = nn.ModuleList(
            BasicTransformerBlock(channels, config.context_dim, heads) for _ in range(depth)
        )
        self.proj_out = self.projection(channels)

    def projection(self, channels: int) -> nn.Module:
        return nn.Linear(channels, channels) if self.use_linear else nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        height, width = x.shape[2:]
        y = self.norm(x)
        if self.use_linear:
            y = self.proj_in(y.flatten(2).transpose(1, 2))
        else:
            y = self.proj_in(y).flatten(2).transpose(1, 2)
        for block in self.transformer_blocks:
            y = block(y, context)
        if self.use_linear:
            return self.proj_out(y).transpose(1, 2).unflatten(2, (height, width)) + x
        return self.proj_out(y.transpose(1, 2).unflatten(2, (height, width))) + x


class ResBlock(nn.Module):
    def __init__(self, channels: int, out_channels: int, emb_channels: int):
        super().__init__()
        self.in_layers = nn.Sequential(
            nn.GroupNorm(32, channels), nn.SiLU(), nn.Conv2d(channels, out_channels, 3, padding=1)
        )
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(emb_channels, out_channels))
        self.out_layers = nn.Sequential(
            nn.GroupNorm(32, out_channels),
            nn.SiLU(),
            nn.Dropout(0.0),
            nn.Conv2d(out_channels, out_channels, 3, padding=1),
        )
        same = channels == out_channels
        self.skip_connection = nn.Identity() if same else nn.Conv2d(channels, out_channels, 1)

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        h = self.in_layers(x) + self.emb_layers(emb)[:, :, None, None]
        return self.skip_connection(x) + self.out_layers(h)


class Downsample(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.op = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.op(x)


class Upsample(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=2, mode="nearest"))


class Stage(nn.ModuleList):
    """Layers in order; each is given what its kind needs."""

    def forward(self, x: Tensor, emb: Tensor, context: Tensor, recompute: bool) -> Tensor:
        for layer in self:
            if isinstance(layer, ResBlock):
                arguments = (x, emb)
            elif isinstance(layer, SpatialTransformer):
                arguments = (x, context)
            else:
                arguments = (x,)
            recomputed = recompute and torch.is_grad_enabled() and len(arguments) == 2
            x = checkpoint(layer, *arguments, use_reentrant=False) if recomputed else layer(*arguments)
        return x


class UNet(nn.Module):
    """forward(x [N,4,H,W], timesteps int64 [N], context [N,77,D]) -> epsilon [N,4,H,W].

    SDXL's takes y [N,adm_in_channels] too.
    """

    def __init__(self, config: UNetConfig = SD15):
        super().__init__()
        self.model_channels = config.model_channels
        # True: gradient checkpointing of residual and transformer blocks.
        self.recompute = False
        emb = config.model_channels * 4
        self.time_embed = nn.Sequential(
            nn.Linear(config.model_channels, emb), nn.SiLU(), nn.Linear(emb, emb)
        )
        if config.adm_in_channels:
            layers = nn.Linear(config.adm_in_channels, emb), nn.SiLU(), nn.Linear(emb, emb)
            self.label_emb = nn.Sequential(nn.Sequential(*layers))

        def stage(channels: int, out_channels: int, level: int) -> Stage:
            layers: list[nn.Module] = [ResBlock(channels, out_channels, emb)]
            if 2**level in config.attention_resolutions:
                layers.append(attention(out_channels, level))
            return Stage(layers)

        def attention(channels: int, level: int) -> SpatialTransformer:
            return SpatialTransformer(channels, config.transformer_depth[level], config)

        channels = config.model_channels
        self.input_blocks = nn.ModuleList(
            [Stage([nn.Conv2d(config.channels, channels, 3, padding=1)])]
        )
        skips = [channels]
        last = len(config.channel_mult) - 1
        for level, multiplier in enumerate(config.channel_mult):
            width = config.model_channels * multiplier
            for _ in range(config.num_res_blocks):
                self.input_blocks.append(stage(channels, width, level))
                channels = width
                skips.append(channels)
            if level != last:
                self.input_blocks.append(Stage([Downsample(channels)]))
                skips.append(channels)
        self.middle_block = Stage(
            [
                ResBlock(channels, channels, emb),
                attention(channels, last),
                ResBlock(channels, channels, emb),
            ]
        )
        self.output_blocks = nn.ModuleList()
        for level, multiplier in reversed(list(enumerate(config.channel_mult))):
            width = config.model_channels * multiplier
            for i in range(config.num_res_blocks + 1):
                block = stage(channels + skips.pop(), width, level)
                channels = width
                if level > 0 and i == config.num_res_blocks:
                    block.append(Upsample(channels))
                self.output_blocks.append(block)
        self.out = nn.Sequential(
            nn.GroupNorm(32, channels),
            nn.SiLU(),
            nn.Conv2d(channels, config.channels, 3, padding=1),
        )

    def forward(
        self, x: Tensor, timesteps: Tensor, context: Tensor, y: Tensor | None = None
    ) -> Tensor:
        emb = self.time_embed(timestep_embedding(timesteps, self.model_channels))
        if y is not None:
            emb = emb + self.label_emb(y)
        skips = []
        for block in self.input_blocks:
            x = block(x, emb, context, self.recompute)
            skips.append(x)
        x = self.middle_block(x, emb, context, self.recompute)
        for block in self.output_blocks:
            x = block(torch.cat([x, skips.pop()], dim=1), emb, context, self.recompute)
        return self.out(x)

    def use_published_attention(self):
        """Attention as in the published code: einsum, softmax, einsum."""
        for module in self.modules():
            if isinstance(module, CrossAttention):
                module.use_sdpa = False


TRAINED_SETS = {
    "full": lambda name: True,
    "xattn": lambda name: "attn2" in name,
    "xattn-strict": lambda name: "attn2.to_k" in name or "attn2.to_v" in name,
    "noxattn": lambda name: not (
        name.startswith("out.") or "attn2" in name or "time_embed" in name
    ),
    "selfattn": lambda name: "attn1" in name,
    "notime": lambda name: not (name.startswith("out.") or "time_embed" in name),
}


def trained_parameters(unet: UNet, trained_set: str) -> list[nn.Parameter]:
    """The parameters that the published code's `train_method` of that name selects."""
    chosen = TRAINED_SETS[trained_set]
    return [parameter for name, parameter in unet.named_parameters() if chosen(name)]


class LowRankLinear(nn.Module):
    """y = W x + (alpha / rank) B A x, with W as it was and B zero at first (LoRA, arXiv 2106.09685)."""

    def __init__(self, base: nn.Linear, rank: int):
        super().__init__()
        self.base = base
        self.down = nn.Linear(base.in_features, rank, bias=False)
        self.up = nn.Linear(rank, base.out_features, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + self.up(self.down(x))


def low_rank_parameters(unet: UNet, trained_set: str, rank: int) -> list[nn.Parameter]:
    """Puts a low-rank change (alpha = rank) on the linear layers of a trained set; what is trained of it."""
    chosen = TRAINED_SETS[trained_set]
    layers = [
        (name, module)
        for name, module in unet.named_modules()
        if isinstance(module, nn.Linear) and chosen(name)
    ]
    parameters = []
    for name, module in layers:
        parent, _, own = name.rpartition(".")
        changed = LowRankLinear(module, rank)
        setattr(unet.get_submodule(parent), own, changed)
        parameters += [changed.down.weight, changed.up.weight]
    return parameters
