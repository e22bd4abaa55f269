"""An ONNX network as a torch module that computes the same and can be trained on.

Only the operators that the two networks of the reader are made of are known. N: pictures or strips.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import onnx
import torch
from torch import nn
from torch.nn import functional as F

from training.reading.networks import arrays_of, nodes_of

_WEIGHTED = ("Conv", "ConvTranspose", "MatMul", "Add", "Mul")
_TYPES = MappingProxyType({1: torch.float32, 6: torch.int32, 7: torch.int64})
_Step = tuple[str, list[str], str, dict]


class Graph(nn.Module):
    """The network's one output from its one input; weights, biases and affine vectors are parameters.

    `names` tells which initialiser each parameter is. Batch statistics are expected to be folded away.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        super().__init__()
        self._entry, self._output = model.graph.input[0].name, model.graph.output[0].name
        self._steps = _with_hard_swishes([_step(node) for node in nodes_of(model)])
        self._sizes: dict[str, torch.Tensor] = {}
        self.names: dict[str, str] = {}
        used = {name for _, inputs, _, _ in self._steps for name in inputs}
        for number, (name, array) in enumerate(arrays_of(model).items()):
            if name in used:
                self._keep(name, array, number=number)

    def _keep(self, name: str, array: np.ndarray, *, number: int) -> None:
        """As a parameter what is learnt, as a buffer what is not, aside what counts and never leaves the processor."""
        tensor = torch.from_numpy(np.array(array))
        if not tensor.is_floating_point():
            self._sizes[name] = tensor
            return
        learnt = tensor.numel() > 1 and any(name in step[1] and step[0] in _WEIGHTED for step in self._steps)
        self.names[name] = own = f"{'p' if learnt else 'c'}{number}"
        if learnt:
            self.register_parameter(own, nn.Parameter(tensor))
        else:
            self.register_buffer(own, tensor, persistent=False)

    def forward(self, entry: torch.Tensor) -> torch.Tensor:
        values: dict[str, torch.Tensor] = {self._entry: entry} | self._sizes
        values |= {name: getattr(self, own) for name, own in self.names.items()}
        for kind, inputs, output, attributes in self._steps:
            values[output] = _OPERATORS[kind]([values.get(name) for name in inputs], attributes)
        return values[self._output]

    def arrays(self) -> dict[str, np.ndarray]:
        """The present parameters by the initialisers' names, float32."""
        own = dict(self.named_parameters())
        learnt = {name: own[key] for name, key in self.names.items() if key in own}
        return {name: value.detach().float().cpu().numpy() for name, value in learnt.items()}


def _step(node: onnx.NodeProto) -> _Step:
    attributes = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    return node.op_type, list(node.input), node.output[0], attributes


def _with_hard_swishes(steps: list[_Step]) -> list[_Step]:
    """x * HardSigmoid(x) as torch's one operator, which keeps half the tensors for the way back."""
    gates = {output: inputs[0] for kind, inputs, output, attributes in steps
             if kind == "HardSigmoid" and abs(attributes.get("alpha", 0.2) - 1 / 6) < 1e-4}  # fmt: skip
    joined = []
    for kind, inputs, output, attributes in steps:
        gate = next((name for name in inputs if kind == "Mul" and gates.get(name) in inputs), None)
        joined.append(("HardSwish", [gates[gate]], output, {}) if gate else (kind, inputs, output, attributes))
    used = {name for _, inputs, _, _ in joined for name in inputs}
    return [step for step in joined if step[0] != "HardSigmoid" or step[2] in used]


def _convolved(inputs: list[torch.Tensor], attributes: dict) -> torch.Tensor:
    top, left, bottom, right = attributes.get("pads", [0, 0, 0, 0])
    picture_NCHW = inputs[0]
    if (top, left) != (bottom, right):
        picture_NCHW, top, left = F.pad(picture_NCHW, (left, right, top, bottom)), 0, 0
    bias = inputs[2] if len(inputs) > 2 else None
    strides, dilations = attributes.get("strides", 1), attributes.get("dilations", 1)
    return F.conv2d(picture_NCHW, inputs[1], bias, strides, (top, left), dilations, attributes.get("group", 1))


def _sliced(inputs: list[torch.Tensor], _: dict) -> torch.Tensor:
    tensor, (starts, ends, axes) = inputs[0], (values.tolist() for values in inputs[1:4])
    for start, end, axis in zip(starts, ends, axes, strict=True):
        tensor = tensor.narrow(axis, *_extent(start, end, tensor.shape[axis]))
    return tensor


def _extent(start: int, end: int, size: int) -> tuple[int, int]:
    first, last = (min(value, size) if value >= 0 else size + value for value in (start, end))
    return first, last - first


def _squeezed(inputs: list[torch.Tensor], attributes: dict) -> torch.Tensor:
    return inputs[0].squeeze(tuple(attributes.get("axes") or inputs[1].tolist()))


def _reshaped(inputs: list[torch.Tensor], _: dict) -> torch.Tensor:
    tensor, wanted = inputs[0], inputs[1].tolist()
    return tensor.reshape([size or tensor.shape[axis] for axis, size in enumerate(wanted)])


def _joined(inputs: list[torch.Tensor], attributes: dict) -> torch.Tensor:
    return torch.cat([tensor.reshape(-1) if tensor.dim() == 0 else tensor for tensor in inputs], attributes["axis"])


def _pooled(inputs: list[torch.Tensor], attributes: dict) -> torch.Tensor:
    pads = attributes.get("pads", [0, 0])[:2]
    return F.avg_pool2d(inputs[0], attributes["kernel_shape"], attributes["strides"], pads, count_include_pad=False)


_OPERATORS: Mapping[str, Callable[[list[torch.Tensor], dict], torch.Tensor]] = MappingProxyType(
    {
        "Conv": _convolved,
        "MatMul": lambda i, a: i[0] @ i[1],
        "Add": lambda i, a: i[0] + i[1],
        "Sub": lambda i, a: i[0] - i[1],
        "Mul": lambda i, a: i[0] * i[1],
        "Div": lambda i, a: i[0] / i[1],
        "Pow": lambda i, a: i[0] ** i[1],
        "Sqrt": lambda i, a: i[0].sqrt(),
        "HardSwish": lambda i, a: F.hardswish(i[0]),
        "HardSigmoid": lambda i, a: torch.clamp(i[0] * a.get("alpha", 0.2) + a.get("beta", 0.5), 0, 1),
        "Sigmoid": lambda i, a: torch.sigmoid(i[0]),
        "Relu": lambda i, a: F.relu(i[0]),
        "Softmax": lambda i, a: torch.softmax(i[0], a.get("axis", -1)),
        "GlobalAveragePool": lambda i, a: i[0].mean((2, 3), keepdim=True),
        "AveragePool": _pooled,
        "ReduceMean": lambda i, a: i[0].mean(a["axes"], keepdim=bool(a.get("keepdims", 1))),
        "Resize": lambda i, a: F.interpolate(i[0], scale_factor=i[2].tolist()[2:], mode=a["mode"].decode()),
        "Transpose": lambda i, a: i[0].permute(a["perm"]),
        "Shape": lambda i, a: torch.tensor(i[0].shape),
        "Cast": lambda i, a: i[0].to(_TYPES[a["to"]]),
        "Slice": _sliced,
        "Squeeze": _squeezed,
        "Concat": _joined,
        "Reshape": _reshaped,
    }
)
