"""Reference gradients of single ONNX operators (opset 21), computed by PyTorch.

Regenerate with `python test/golden/make_rules.py` (needs torch, numpy, safetensors); `--check` also
runs every case through onnxruntime (needs onnx, onnxruntime) to prove that the PyTorch expression
means what the ONNX operator means. Writes, beside this file:

- rules.safetensors: `<case>.in.<i>`, `<case>.out.<j>`, `<case>.ct.<j>` (cotangent of output j) and
  `<case>.grad.<i>` = d(sum_j <ct_j, out_j>) / d(in_i), only for differentiable inputs. Inputs and
  cotangents are float32 numbers; outputs and gradients were computed from them in float64 and
  rounded to float32 once. Index and shape inputs are int64, conditions bool.
- rules.json: `cases`, each {name, opType, attributes, inputs, outputs}. An attribute is
  {"float"|"int"|"ints"|"string": value}. An input is null where ONNX omits it, else {name, role}:
  `differentiable`, `constant` (must be an initializer for the shape to be known) or `data`.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

SEED = 20240104
HERE = Path(__file__).parent
Tensor = torch.Tensor


@dataclass
class Input:
    value: Tensor
    role: str


@dataclass
class Case:
    name: str
    op_type: str
    inputs: list[Input | None]
    # Called with the float64 (or integer) values of the inputs that are not None.
    forward: Callable[..., Tensor | tuple[Tensor, ...]]
    attributes: dict[str, dict]
    outputs: int = 1


cases: list[Case] = []
rng = torch.Generator().manual_seed(SEED)


def case(name: str, op_type: str, inputs: list, forward: Callable, outputs: int = 1, **attributes):
    """Adds a case; a bare tensor among the inputs is a differentiable one."""
    wrapped = [Input(x, "differentiable") if isinstance(x, Tensor) else x for x in inputs]
    assert name not in {c.name for c in cases}, name
    cases.append(Case(name, op_type, wrapped, forward, attributes, outputs))


def randn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=rng)


def positive(*shape: int) -> Tensor:
    """Values in [0.5, 2]: away from the poles of Log, Reciprocal, Div and fractional powers."""
    return 0.5 + 1.5 * torch.rand(shape, generator=rng)


def away_from(x: Tensor, *kinks: float) -> Tensor:
    """Moves values by up to 0.1 so that finite differences never straddle one of the kinks."""
    for kink in kinks:
        side = torch.where(x >= kink, 1.0, -1.0)
        x = torch.where((x - kink).abs() < 0.05, kink + 0.1 * side, x)
    return x


def constant(*values: int) -> Input:
    return Input(torch.tensor(values, dtype=torch.int64), "constant")


def float_constant(value) -> Input:
    return Input(torch.tensor(value, dtype=torch.float32), "constant")


def data(value: Tensor) -> Input:
    return Input(value, "data")


def ints(*values: int) -> dict:
    return {"ints": list(values)}


def int_(value: int) -> dict:
    return {"int": value}


def float_(value: float) -> dict:
    # Attributes are float32 in ONNX: the reference must use the rounded number too.
    return {"float": torch.tensor(value, dtype=torch.float32).item()}


def string(value: str) -> dict:
    return {"string": value}


def elementwise_binary():
    shapes = {
        "same": ((3, 5), (3, 5)),
        "broadcast_left": ((5,), (2, 3, 5)),
        "broadcast_right": ((2, 3, 5), (3, 1)),
        "broadcast_both": ((2, 1, 5), (1, 3, 1)),
        "scalar": ((2, 3), ()),
    }
    ops = {"Add": torch.add, "Sub": torch.sub, "Mul": torch.mul, "Div": torch.div}
    for op, fn in ops.items():
        for suffix, (a, b) in shapes.items():
            right = positive(*b) if op == "Div" else randn(*b)
            case(f"{op.lower()}_{suffix}", op, [randn(*a), right], fn)
    for op, fn in {"Max": torch.maximum, "Min": torch.minimum}.items():
        a = randn(3, 5)
        case(f"{op.lower()}_same", op, [a, a + away_from(randn(3, 5), 0)], fn)
        case(f"{op.lower()}_broadcast", op, [randn(2, 3, 5), randn(3, 1)], fn)


def elementwise_unary():
    unary = {
        "Neg": (torch.neg, randn),
        "Exp": (torch.exp, randn),
        "Log": (torch.log, positive),
        "Sqrt": (torch.sqrt, positive),
        "Reciprocal": (torch.reciprocal, positive),
        "Sigmoid": (torch.sigmoid, randn),
        "Tanh": (torch.tanh, randn),
        "Erf": (torch.erf, randn),
        "Sin": (torch.sin, randn),
        "Cos": (torch.cos, randn),
        "Identity": (torch.clone, randn),
    }
    for op, (fn, values) in unary.items():
        case(op.lower(), op, [values(3, 7)], fn)
    case("abs", "Abs", [away_from(randn(3, 7), 0)], torch.abs)
    case("gelu_default", "Gelu", [randn(3, 7)], F.gelu)
    case("gelu_none", "Gelu", [randn(3, 7)], F.gelu, approximate=string("none"))
    tanh_gelu = lambda x: F.gelu(x, approximate="tanh")
    case("gelu_tanh", "Gelu", [randn(3, 7)], tanh_gelu, approximate=string("tanh"))
    for label, exponent, values in (("2", 2.0, randn), ("0_5", 0.5, positive), ("3", 3.0, randn)):
        case(f"pow_{label}", "Pow", [values(3, 5), float_constant(exponent)], torch.pow)
    clipped = away_from(randn(4, 6), -0.5, 0.75)
    case(
        "clip",
        "Clip",
        [clipped, float_constant(-0.5), float_constant(0.75)],
        lambda x, low, high: x.clamp(low.item(), high.item()),
    )
    case(
        "clip_min_only",
        "Clip",
        [away_from(randn(4, 6), 0), float_constant(0.0)],
        lambda x, low: x.clamp(min=low.item()),
    )
    # Cast to the type it already has is what is left after float16 weights are widened.
    case("cast_float", "Cast", [randn(3, 5)], lambda x: x.clone(), to=int_(1))


def softmax():
    case("softmax_last", "Softmax", [randn(2, 3, 5)], lambda x: x.softmax(-1), axis=int_(-1))
    case("softmax_axis1", "Softmax", [randn(2, 3, 5)], lambda x: x.softmax(1), axis=int_(1))
    case("softmax_default", "Softmax", [randn(3, 5)], lambda x: x.softmax(-1))


def products():
    shapes = {
        "2d": ((3, 5), (5, 4)),
        "batched": ((2, 3, 5), (2, 5, 4)),
        "broadcast_batch": ((2, 1, 3, 5), (3, 5, 4)),
        "3d_by_2d": ((2, 3, 5), (5, 4)),
        "2d_by_3d": ((3, 5), (2, 5, 4)),
        "4d": ((2, 3, 4, 5), (2, 3, 5, 2)),
        "vector_right": ((2, 3, 5), (5,)),
        "vector_left": ((5,), (2, 5, 3)),
    }
    for suffix, (a, b) in shapes.items():
        case(f"matmul_{suffix}", "MatMul", [randn(*a), randn(*b)], torch.matmul)

    def gemm(alpha: float, beta: float, trans_a: bool, trans_b: bool):
        def forward(a, b, c=None):
            y = alpha * ((a.T if trans_a else a) @ (b.T if trans_b else b))
            return y if c is None else y + beta * c

        return forward

    for trans_a in (0, 1):
        for trans_b in (0, 1):
            a = randn(*((5, 3) if trans_a else (3, 5)))
            b = randn(*((4, 5) if trans_b else (5, 4)))
            case(
                f"gemm_a{trans_a}_b{trans_b}",
                "Gemm",
                [a, b, randn(4)],
                gemm(1, 1, trans_a, trans_b),
                transA=int_(trans_a),
                transB=int_(trans_b),
            )
    scale = dict(alpha=float_(0.5), beta=float_(1.5))
    scaled = gemm(0.5, 1.5, False, False)
    for label, bias in (("row", (4,)), ("column", (3, 1)), ("full", (3, 4)), ("scalar", ())):
        inputs = [randn(3, 5), randn(5, 4), randn(*bias)]
        case(f"gemm_scaled_{label}_bias", "Gemm", inputs, scaled, **scale)
    case("gemm_no_bias", "Gemm", [randn(3, 5), randn(5, 4)], gemm(1, 1, False, False))


def convolutions():
    def conv(pads=(0, 0, 0, 0), stride=1, dilation=1, group=1):
        top, left, bottom, right = pads

        def forward(x, w, b=None):
            padded = F.pad(x, (left, right, top, bottom))
            return F.conv2d(padded, w, b, stride, 0, dilation, group)

        attributes = dict(pads=ints(*pads), strides=ints(stride, stride))
        if dilation != 1:
            attributes["dilations"] = ints(dilation, dilation)
        if group != 1:
            attributes["group"] = int_(group)
        return forward, attributes

    variants = {
        "3x3_pad1": ((1, 3, 5, 6), (4, 3, 3, 3), conv((1, 1, 1, 1))),
        "1x1": ((2, 3, 4, 5), (5, 3, 1, 1), conv()),
        "3x3_stride2": ((1, 3, 6, 8), (4, 3, 3, 3), conv((1, 1, 1, 1), 2)),
        "3x3_stride2_odd": ((1, 2, 7, 5), (3, 2, 3, 3), conv((1, 1, 1, 1), 2)),
        "3x1": ((1, 3, 5, 4), (2, 3, 3, 1), conv((1, 0, 1, 0))),
        "3x3_valid": ((1, 2, 5, 6), (3, 2, 3, 3), conv()),
        "vae_downsample": ((1, 3, 6, 6), (3, 3, 3, 3), conv((0, 0, 1, 1), 2)),
        "patch_4x4": ((1, 3, 8, 8), (5, 3, 4, 4), conv((0, 0, 0, 0), 4)),
        "dilated": ((1, 2, 7, 6), (3, 2, 3, 3), conv((2, 2, 2, 2), 1, 2)),
        "grouped": ((1, 4, 5, 5), (6, 2, 3, 3), conv((1, 1, 1, 1), 1, 1, 2)),
    }
    for suffix, (x, w, (forward, attributes)) in variants.items():
        case(f"conv_{suffix}", "Conv", [randn(*x), randn(*w)], forward, **attributes)
    forward, attributes = conv((1, 1, 1, 1))
    inputs = [randn(2, 3, 5, 4), randn(4, 3, 3, 3), randn(4)]
    case("conv_bias_batch2", "Conv", inputs, forward, **attributes)

    case(
        "conv_transpose",
        "ConvTranspose",
        [randn(1, 3, 4, 5), randn(3, 2, 3, 3), randn(2)],
        lambda x, w, b: F.conv_transpose2d(x, w, b, padding=1),
        pads=ints(1, 1, 1, 1),
    )
    case(
        "conv_transpose_stride2",
        "ConvTranspose",
        [randn(1, 3, 3, 4), randn(3, 2, 3, 3)],
        lambda x, w: F.conv_transpose2d(x, w, stride=2, padding=1, output_padding=1),
        pads=ints(1, 1, 1, 1),
        strides=ints(2, 2),
        output_padding=ints(1, 1),
    )
    case(
        "average_pool_2x2",
        "AveragePool",
        [randn(2, 3, 4, 6)],
        lambda x: F.avg_pool2d(x, 2),
        kernel_shape=ints(2, 2),
        strides=ints(2, 2),
    )


def normalisations():
    eps = float_(1e-5)
    case(
        "instance_normalization",
        "InstanceNormalization",
        [randn(2, 3, 4, 5), randn(3), randn(3)],
        lambda x, scale, bias: F.instance_norm(x, weight=scale, bias=bias, eps=eps["float"]),
        epsilon=eps,
    )
    # The form GroupNorm takes on WebGPU: groups as the channels of a rank-3 tensor.
    case(
        "instance_normalization_3d",
        "InstanceNormalization",
        [randn(2, 4, 15), positive(4), randn(4)],
        lambda x, scale, bias: F.instance_norm(x, weight=scale, bias=bias, eps=eps["float"]),
        epsilon=eps,
    )
    case(
        "layer_normalization",
        "LayerNormalization",
        [randn(2, 3, 7), randn(7), randn(7)],
        lambda x, scale, bias: F.layer_norm(x, (7,), scale, bias, eps["float"]),
        axis=int_(-1),
        epsilon=eps,
    )
    case(
        "layer_normalization_no_bias",
        "LayerNormalization",
        [randn(3, 5), randn(5)],
        lambda x, scale: F.layer_norm(x, (5,), scale, None, float_(1e-2)["float"]),
        axis=int_(-1),
        epsilon=float_(1e-2),
    )
    case(
        "group_normalization",
        "GroupNormalization",
        [randn(2, 6, 3, 5), randn(6), randn(6)],
        lambda x, scale, bias: F.group_norm(x, 3, scale, bias, eps["float"]),
        num_groups=int_(3),
        epsilon=eps,
    )


def reductions():
    ops = {
        "ReduceMean": lambda x, axes, keep: x.mean(axes, keepdim=keep),
        "ReduceSum": lambda x, axes, keep: x.sum(axes, keepdim=keep),
        "ReduceSumSquare": lambda x, axes, keep: (x * x).sum(axes, keepdim=keep),
    }
    for op, fn in ops.items():
        name = {"ReduceMean": "reduce_mean", "ReduceSum": "reduce_sum"}.get(op, "reduce_sum_square")
        for label, axes, keep in (("last_keep", (-1,), 1), ("axes_drop", (0, 2), 0)):
            forward = lambda x, _axes, fn=fn, axes=axes, keep=keep: fn(x, axes, bool(keep))
            inputs = [randn(2, 3, 5), constant(*axes)]
            case(f"{name}_{label}", op, inputs, forward, keepdims=int_(keep))
        forward = lambda x, fn=fn: fn(x, (0, 1, 2), False)
        case(f"{name}_all", op, [randn(2, 3, 5)], forward, keepdims=int_(0))


def shapes_and_indices():
    reshape = lambda x, _shape: x.reshape(2, 10)
    case("reshape", "Reshape", [randn(2, 2, 5), constant(2, -1)], reshape)
    case("reshape_zero", "Reshape", [randn(2, 2, 5), constant(0, -1)], reshape)
    permute = lambda x: x.permute(0, 2, 1, 3)
    case("transpose", "Transpose", [randn(2, 3, 4, 2)], permute, perm=ints(0, 2, 1, 3))
    cycle = lambda x: x.permute(2, 0, 1)
    case("transpose_cycle", "Transpose", [randn(2, 3, 4)], cycle, perm=ints(2, 0, 1))
    case("transpose_default", "Transpose", [randn(2, 3, 4)], lambda x: x.permute(2, 1, 0))
    parts = [randn(2, 1, 3), randn(2, 4, 3), randn(2, 2, 3)]
    case("concat_three", "Concat", parts, lambda *xs: torch.cat(xs, 1), axis=int_(1))
    parts = [randn(2, 3), randn(2, 2)]
    case("concat_negative_axis", "Concat", parts, lambda *xs: torch.cat(xs, -1), axis=int_(-1))
    split = lambda x, _split: x.split((1, 4, 2), 1)
    case("split_uneven", "Split", [randn(2, 7, 3), constant(1, 4, 2)], split, 3, axis=int_(1))
    halves = lambda x: x.chunk(2, -1)
    case(
        "split_equal", "Split", [randn(3, 6)], halves, 2, axis=int_(-1), num_outputs=int_(2)
    )
    case(
        "slice_steps",
        "Slice",
        [randn(5, 7), constant(1, 0), constant(5, 6), constant(0, -1), constant(2, 3)],
        lambda x, *_: x[1:5:2, 0:6:3],
    )
    case(
        "slice_negative_axis",
        "Slice",
        [randn(2, 3, 6), constant(-4), constant(2**31 - 1), constant(-1)],
        lambda x, *_: x[..., -4:],
    )
    case(
        "slice_negative_step",
        "Slice",
        [randn(3, 5), constant(4), constant(-6), constant(1), constant(-1)],
        lambda x, *_: x.flip(1),
    )
    rows = data(torch.tensor([[4, 0, 2], [2, 2, 1]]))
    case("gather_repeated", "Gather", [randn(5, 3), rows], lambda x, i: x[i], axis=int_(0))
    columns = data(torch.tensor([3, 1, 1]))
    pick = lambda x, i: x[:, i]
    case("gather_axis1", "Gather", [randn(2, 4, 3), columns], pick, axis=int_(1))
    expand = lambda x, _shape: x.expand(2, 3, 5)
    case("expand", "Expand", [randn(3, 1), constant(2, 3, 5)], expand)
    case("expand_scalar", "Expand", [randn(), constant(2, 3)], lambda x, _shape: x.expand(2, 3))
    case(
        "resize_nearest_2x",
        "Resize",
        [randn(1, 2, 3, 4), None, float_constant([1.0, 1.0, 2.0, 2.0])],
        lambda x, _scales: F.interpolate(x, scale_factor=2, mode="nearest"),
        mode=string("nearest"),
        coordinate_transformation_mode=string("asymmetric"),
        nearest_mode=string("floor"),
    )
    mask = data(torch.rand((3, 5), generator=rng) > 0.5)
    case("where_same", "Where", [mask, randn(3, 5), randn(3, 5)], torch.where)
    case("where_broadcast", "Where", [mask, randn(2, 3, 5), randn(5)], torch.where)
    pad = lambda x, _pads, value=None: F.pad(x, (2, 0, 1, 1), value=0 if value is None else value)
    case("pad_zero", "Pad", [randn(3, 4), constant(1, 2, 1, 0)], pad)
    pads = [randn(3, 4), constant(1, 2, 1, 0), float_constant(1.5)]
    case("pad_value", "Pad", pads, lambda x, p, v: pad(x, p, v.item()), mode=string("constant"))
    case("squeeze", "Squeeze", [randn(3, 1, 4, 1), constant(1, -1)], lambda x, _: x.reshape(3, 4))
    case(
        "unsqueeze", "Unsqueeze", [randn(3, 4), constant(0, -1)], lambda x, _: x[None, ..., None]
    )
    case("flatten", "Flatten", [randn(2, 3, 4)], lambda x: x.reshape(2, 12), axis=int_(1))
    case("flatten_axis2", "Flatten", [randn(2, 3, 4)], lambda x: x.reshape(6, 4), axis=int_(2))


def evaluate(item: Case) -> dict[str, Tensor]:
    """The case's tensors by key: inputs, outputs, cotangents and gradients."""
    tensors: dict[str, Tensor] = {}
    arguments: list[Tensor] = []
    leaves: dict[int, Tensor] = {}
    for i, given in enumerate(item.inputs):
        if given is None:
            continue
        tensors[f"{item.name}.in.{i}"] = given.value
        value = given.value.double() if given.value.is_floating_point() else given.value
        if given.role == "differentiable":
            value = leaves[i] = value.clone().requires_grad_()
        arguments.append(value)
    result = item.forward(*arguments)
    outputs = (result,) if isinstance(result, Tensor) else tuple(result)
    assert len(outputs) == item.outputs, item.name
    cotangents = [randn(*y.shape) for y in outputs]
    gradients = torch.autograd.grad(
        outputs, list(leaves.values()), [ct.double() for ct in cotangents]
    )
    for j, (y, ct) in enumerate(zip(outputs, cotangents)):
        tensors[f"{item.name}.out.{j}"] = y.detach().float()
        tensors[f"{item.name}.ct.{j}"] = ct
    for i, gradient in zip(leaves, gradients):
        tensors[f"{item.name}.grad.{i}"] = gradient.float()
    return {key: value.contiguous().clone() for key, value in tensors.items()}


def describe(item: Case) -> dict:
    return {
        "name": item.name,
        "opType": item.op_type,
        "attributes": item.attributes,
        "inputs": [
            given and {"name": f"{item.name}.in.{i}", "role": given.role}
            for i, given in enumerate(item.inputs)
        ],
        "outputs": item.outputs,
    }


def check_with_onnxruntime(item: Case, tensors: dict[str, Tensor]) -> float:
    """Largest difference between onnxruntime's outputs and PyTorch's."""
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    element = {
        torch.float32: TensorProto.FLOAT,
        torch.int64: TensorProto.INT64,
        torch.bool: TensorProto.BOOL,
    }
    names = ["" if given is None else f"in{i}" for i, given in enumerate(item.inputs)]
    out_names = [f"out{j}" for j in range(item.outputs)]
    attributes = {name: next(iter(value.values())) for name, value in item.attributes.items()}
    graph_inputs, initializers, feeds = [], [], {}
    for name, given in zip(names, item.inputs):
        if given is None:
            continue
        if given.role == "constant":
            initializers.append(numpy_helper.from_array(given.value.numpy(), name))
            continue
        dtype = element[given.value.dtype]
        graph_inputs.append(helper.make_tensor_value_info(name, dtype, list(given.value.shape)))
        feeds[name] = given.value.numpy()
    node = helper.make_node(item.op_type, names, out_names, **attributes)
    graph_outputs = [
        helper.make_tensor_value_info(
            name, TensorProto.FLOAT, list(tensors[f"{item.name}.out.{j}"].shape)
        )
        for j, name in enumerate(out_names)
    ]
    graph = helper.make_graph([node], item.name, graph_inputs, graph_outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    results = session.run(None, feeds)
    worst = 0.0
    for j, result in enumerate(results):
        expected = tensors[f"{item.name}.out.{j}"]
        assert list(result.shape) == list(expected.shape), (item.name, result.shape)
        worst = max(worst, (torch.tensor(result) - expected).abs().max().item())
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="run every case in onnxruntime too")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for build in (
        elementwise_binary,
        elementwise_unary,
        softmax,
        products,
        convolutions,
        normalisations,
        reductions,
        shapes_and_indices,
    ):
        build()
    tensors: dict[str, Tensor] = {}
    for item in cases:
        own = evaluate(item)
        if options.check:
            worst = check_with_onnxruntime(item, own)
            assert worst < 1e-5, f"{item.name}: onnxruntime differs by {worst:.2e}"
        tensors.update(own)
    metadata = {"torch": torch.__version__, "seed": SEED, "opset": 21}
    # One metadata entry: safetensors writes several in an order that changes from run to run.
    save_file(tensors, HERE / "rules.safetensors", {"made_with": json.dumps(metadata)})
    listing = {**metadata, "cases": [describe(c) for c in cases]}
    (HERE / "rules.json").write_text(json.dumps(listing, indent=1) + "\n")
    size = (HERE / "rules.safetensors").stat().st_size
    checked = ", all agree with onnxruntime" if options.check else ""
    print(f"{len(cases)} cases, {size} bytes{checked}")


if __name__ == "__main__":
    main()
