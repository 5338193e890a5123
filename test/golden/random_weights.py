"""Random weights of the references, which the tests draw again: test/helpers/model-reference.ts."""

import math

import torch


def draw_again(seed, shapes):
    """All weights in the order of their names, each of unit variance per output."""
    torch.manual_seed(seed)
    for name, shape in sorted(shapes.items()):
        normal = torch.randn(shape)
        if len(shape) > 1:
            yield name, normal / math.sqrt(math.prod(shape[1:]))
        else:
            yield name, 0.1 * normal + (1 if name.endswith("weight") else 0)


def randomize(model, seed):
    """Norms are drawn too: with ones and zeros, two of them could be mistaken for each other."""
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name, weight in draw_again(seed, {name: p.shape for name, p in parameters.items()}):
            parameters[name].copy_(weight)
    return model.eval()
