"""Folds what follows a convolution linearly into it, and joins the four nodes of a hard swish to two.

The output stays the same up to rounding; the network gets faster to run, and its parts fewer to train.
"""

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import NodeProto, helper

from training.reading.networks import arrays_of, assembled, nodes_of


def simplified(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same function with batch normalisation and constant scales folded into the convolutions before them.

    Folding: Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference" (CVPR 2018), section 3.2.
    """
    output = model.graph.output[0].name
    nodes, arrays = _folded(nodes_of(model), arrays_of(model), output=output)
    nodes = _with_hard_sigmoids(nodes, arrays)
    return assembled(nodes, arrays, entry=model.graph.input[0], output=output, opset=model.opset_import[0].version)


def _folded(
    nodes: list[NodeProto], arrays: dict[str, np.ndarray], *, output: str
) -> tuple[list[NodeProto], dict[str, np.ndarray]]:
    users, arrays, folded = _users(nodes), dict(arrays), set()
    for conv in (node for node in nodes if node.op_type == "Conv"):
        while conv.output[0] != output and (found := _linear_follower(conv, users, arrays)):
            follower, scale_O, shift_O = found
            weight_OIHW = arrays[conv.input[1]]
            bias_O = arrays[conv.input[2]] if len(conv.input) > 2 else np.zeros(len(weight_OIHW), np.float32)
            names = f"{follower.output[0]}.weight", f"{follower.output[0]}.bias"
            arrays[names[0]] = (weight_OIHW * scale_O.reshape(-1, 1, 1, 1)).astype(np.float32)
            arrays[names[1]] = (bias_O * scale_O + shift_O).astype(np.float32)
            conv.input[1:] = names
            conv.output[0] = follower.output[0]
            folded.add(follower.output[0])
    return [node for node in nodes if node.op_type == "Conv" or node.output[0] not in folded], arrays


def _users(nodes: list[NodeProto]) -> dict[str, list[NodeProto]]:
    users: dict[str, list[NodeProto]] = {}
    for node in nodes:
        for name in node.input:
            users.setdefault(name, []).append(node)
    return users


def _linear_follower(
    conv: NodeProto, users: Mapping[str, list[NodeProto]], arrays: Mapping[str, np.ndarray]
) -> tuple[NodeProto, np.ndarray, np.ndarray] | None:
    """The only user of a convolution, with its scale and shift per channel; None where it is not linear."""
    followers = users.get(conv.output[0], [])
    if len(followers) != 1:
        return None
    (follower,), num_out = followers, len(arrays[conv.input[1]])
    if follower.op_type == "BatchNormalization":
        gain_O, shift_O, mean_O, variance_O = (arrays[name] for name in follower.input[1:])
        scale_O = gain_O / np.sqrt(variance_O + _attribute(follower, "epsilon", 1e-5))
        return follower, scale_O, shift_O - mean_O * scale_O
    constant = next((arrays[name] for name in follower.input if name in arrays), None)
    if follower.op_type not in ("Mul", "Add") or constant is None or not _per_channel(constant, num_out):
        return None
    value_O = np.broadcast_to(constant.reshape(-1), (num_out,))
    ones_O = np.ones(num_out, np.float32)
    return (follower, value_O, 0 * ones_O) if follower.op_type == "Mul" else (follower, ones_O, value_O)


def _per_channel(constant: np.ndarray, num_out: int) -> bool:
    return constant.size == 1 or (constant.ndim >= 3 and constant.shape[-3] == constant.size == num_out)


def _with_hard_sigmoids(nodes: list[NodeProto], arrays: Mapping[str, np.ndarray]) -> list[NodeProto]:
    """Clip(x + 3, 0, 6) * x / 6 as HardSigmoid(x) * x (Howard et al., "Searching for MobileNetV3", ICCV 2019)."""
    users, exchanged, dropped = _users(nodes), {}, set()
    for add in nodes:
        chain = _hard_swish(add, users, arrays)
        if chain:
            entry, out = next(name for name in add.input if name not in arrays), chain[-1].output[0]
            gate = helper.make_node("HardSigmoid", [entry], [f"{out}.gate"], alpha=1 / 6, beta=0.5)
            exchanged[out] = [gate, helper.make_node("Mul", [entry, f"{out}.gate"], [out])]
            dropped |= {node.output[0] for node in chain}
    kept = ([node] if node.output[0] not in dropped else exchanged.get(node.output[0], []) for node in nodes)
    return [node for group in kept for node in group]


def _hard_swish(
    add: NodeProto, users: Mapping[str, list[NodeProto]], arrays: Mapping[str, np.ndarray]
) -> list[NodeProto] | None:
    """Add 3, Clip, Mul, Div 6 in a row, each the only user of the one before; None where it is something else."""
    chain = [add]
    while len(chain) < 4 and len(users.get(chain[-1].output[0], [])) == 1:
        chain += users[chain[-1].output[0]]
    if [node.op_type for node in chain] != ["Add", "Clip", "Mul", "Div"]:
        return None
    _, clip, product, division = chain
    same_entry = bool(set(add.input) & set(product.input) - set(arrays))
    is_swish = _constant(add, arrays) == 3 and _bounds(clip, arrays) == (0, 6) and _constant(division, arrays) == 6
    return chain if same_entry and is_swish else None


def _constant(node: NodeProto, arrays: Mapping[str, np.ndarray]) -> float | None:
    found = [arrays[name] for name in node.input if name in arrays]
    return float(found[0].reshape(-1)[0]) if found and found[0].size == 1 else None


def _bounds(clip: NodeProto, arrays: Mapping[str, np.ndarray]) -> tuple[float, ...]:
    given = [float(arrays[name]) for name in clip.input[1:]]
    return tuple(given or (_attribute(clip, "min", np.nan), _attribute(clip, "max", np.nan)))


def _attribute(node: NodeProto, name: str, default: float) -> float:
    return next((attribute.f for attribute in node.attribute if attribute.name == name), default)
