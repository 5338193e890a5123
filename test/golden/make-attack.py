"""Makes attack.safetensors: the loss of tiny-sd at two noised pictures under prompts with a free token at
their ends, and its gradient to that token's embedding, in PyTorch.

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

ANCHORS = ["a red star", ""]
TIMESTEPS = [150, 700]
START, END, LENGTH = 49406, 49407, 77

model = checkpoint.load_tiny_sd(HERE.parents[1] / "presets/tiny-sd")
tokens = {"a": 320, "red": 736, "star": 1565}
torch.manual_seed(20261130)
x0 = torch.randn(2, 4, 16, 16)
noise = torch.randn(2, 4, 16, 16)
embedding = (0.5 * torch.randn(64)).requires_grad_()

contexts = []
for anchor in ANCHORS:
    words = [tokens[word] for word in anchor.split()]
    place = 1 + len(words)
    ids = torch.tensor([[START, *words, END, END] + [END] * (LENGTH - place - 2)])
    text = model.text.text_model
    rows = text.embeddings.token_embedding(ids)
    rows = torch.cat([rows[:, :place], embedding[None, None], rows[:, place + 1 :]], 1)
    x = rows + text.embeddings.position_embedding(text.embeddings.position_ids)
    for layer in text.encoder.layers:
        x = layer(x)
    contexts.append(text.final_layer_norm(x))

betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
alphas = torch.cumprod(1 - betas, 0)
t = torch.tensor(TIMESTEPS)
a = alphas[t].view(-1, 1, 1, 1)
x_t = (a.sqrt() * x0 + (1 - a).sqrt() * noise).float()
loss = torch.nn.functional.mse_loss(model.unet(x_t, t, torch.cat(contexts)), noise)
loss.backward()
save_file(
    {
        **{"x0": x0, "noise": noise, "embedding": embedding.detach()},
        **{"loss": loss.detach()[None], "gradient": embedding.grad},
    },
    HERE / "attack.safetensors",
    {"torch": torch.__version__},
)
print(loss.item(), embedding.grad.norm().item())
