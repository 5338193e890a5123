"""CLIP's text encoder in PyTorch, with the parameter names `cond_stage_model.transformer.*`."""

from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F

Tensor = torch.Tensor


@dataclass(frozen=True)
class ClipTextConfig:
    layers: int = 12
    width: int = 768
    heads: int = 12
    vocabulary: int = 49408
    positions: int = 77


SD15 = ClipTextConfig()
TINY_SD = ClipTextConfig(layers=2, width=64, heads=4)
GOLDEN_TINY = ClipTextConfig(layers=3, width=64, heads=4)


class SelfAttention(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.q_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            projection(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out_proj(out.transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        h = self.fc1(x)
        return self.fc2(h * torch.sigmoid(1.702 * h))


class Layer(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.self_attn = SelfAttention(width, heads)
        self.layer_norm1 = nn.LayerNorm(width)
        self.mlp = Mlp(width)
        self.layer_norm2 = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


class Embeddings(nn.Module):
    def __init__(self, config: ClipTextConfig):
        super().__init__()
        self.token_embedding = nn.Embedding(config.vocabulary, config.width)
        self.position_embedding = nn.Embedding(config.positions, config.width)
        self.register_buffer("position_ids", torch.arange(config.positions)[None])

    def forward(self, ids: Tensor) -> Tensor:
        positions = self.position_embedding(self.position_ids[:, : ids.shape[1]])
        return self.token_embedding(ids) + positions


class Encoder(nn.Module):
    def __init__(self, config: ClipTextConfig):
        super().__init__()
        self.layers = nn.ModuleList(
            Layer(config.width, config.heads) for _ in range(config.layers)
        )


class TextModel(nn.Module):
    def __init__(self, config: ClipTextConfig):
        super().__init__()
        self.embeddings = Embeddings(config)
        self.encoder = Encoder(config)
        self.final_layer_norm = nn.LayerNorm(config.width)


class ClipText(nn.Module):
    """forward(ids int64 [N,77]) -> context [N,77,width], after the final layer norm."""

    def __init__(self, config: ClipTextConfig = SD15):
        super().__init__()
        self.text_model = TextModel(config)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.text_model.embeddings(ids)
        for layer in self.text_model.encoder.layers:
            x = layer(x)
        return self.text_model.final_layer_norm(x)
