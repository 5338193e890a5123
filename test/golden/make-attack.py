"""Makes attack.safetensors: the loss of tiny-sd at two noised pictures under prompts with a free token at
their ends, or with two within, and its gradient to the embeddings of these, in PyTorch.

Run by hand, when the reference changes: python make-attack.py
(in an environment with torch and safetensors)
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent / "bench"))
import checkpoint  # noqa: E402

# What stands before the free tokens, and behind them.
AT_THE_END = [("a red star", ""), ("", "")]
WITHIN = [("a", "star"), ("red star", "")]
TIMESTEPS = [150, 700]
START, END, LENGTH = 49406, 49407, 77

model = checkpoint.load_tiny_sd(HERE.parents[1] / "presets/tiny-sd")
tokens = {"a": 320, "red": 736, "star": 1565}
torch.manual_seed(20261130)
x0 = torch.randn(2, 4, 16, 16)
noise = torch.randn(2, 4, 16, 16)
embedding = (0.5 * torch.randn(1, 64)).requires_grad_()
pair = (0.5 * torch.randn(2, 64)).requires_grad_()

betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
alphas = torch.cumprod(1 - betas, 0)
t = torch.tensor(TIMESTEPS)
a = alphas[t].view(-1, 1, 1, 1)
x_t = (a.sqrt() * x0 + (1 - a).sqrt() * noise).float()


def encode(before, free, behind):
    ids_of = lambda words: [tokens[word] for word in words.split()]  # noqa: E731
    place = 1 + len(ids_of(before))
    ids = [START, *ids_of(before), *[END] * len(free), *ids_of(behind), END]
    ids = torch.tensor([ids + [END] * (LENGTH - len(ids))])
    text = model.text.text_model
    rows = text.embeddings.token_embedding(ids)
    rows = torch.cat([rows[:, :place], free[None], rows[:, place + len(free) :]], 1)
    x = rows + text.embeddings.position_embedding(text.embeddings.position_ids)
    for layer in text.encoder.layers:
        x = layer(x)
    return text.final_layer_norm(x)


def loss_under(places, free):
    contexts = torch.cat([encode(before, free, behind) for before, behind in places])
    loss = torch.nn.functional.mse_loss(model.unet(x_t, t, contexts), noise)
    loss.backward()
    return loss.detach()[None]


loss = loss_under(AT_THE_END, embedding)
pair_loss = loss_under(WITHIN, pair)
save_file(
    {
        **{"x0": x0, "noise": noise, "embedding": embedding.detach()[0]},
        **{"loss": loss, "gradient": embedding.grad[0].clone()},
        **{"pair": pair.detach(), "pair_loss": pair_loss, "pair_gradient": pair.grad},
    },
    HERE / "attack.safetensors",
    {"torch": torch.__version__},
)
print(loss.item(), embedding.grad.norm().item(), pair_loss.item(), pair.grad.norm().item())
