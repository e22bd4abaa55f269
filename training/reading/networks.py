"""ONNX networks taken apart and put together: their arrays, a part of them, nodes put at their end."""

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper


def arrays_of(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    """Initialisers and constants by name."""
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    constants = (node for node in model.graph.node if node.op_type == "Constant")
    return arrays | {node.output[0]: numpy_helper.to_array(node.attribute[0].t) for node in constants}


def nodes_of(model: onnx.ModelProto) -> list[NodeProto]:
    """Copies of the nodes that compute something, in order."""
    copies = []
    for node in model.graph.node:
        if node.op_type != "Constant":
            copies.append(NodeProto())
            copies[-1].CopyFrom(node)
    return copies


def with_arrays(model: onnx.ModelProto, arrays: Mapping[str, np.ndarray]) -> onnx.ModelProto:
    """The model with some initialisers exchanged for others of the same name.

    Raises:
        ValueError: it has no initialiser of such a name.
    """
    if missing := set(arrays) - {tensor.name for tensor in model.graph.initializer}:
        raise ValueError(f"the network has no array {sorted(missing)[0]}")
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    for tensor in changed.graph.initializer:
        if tensor.name in arrays:
            tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(arrays[tensor.name]), tensor.name))
    return changed


def part_of(model: onnx.ModelProto, *, output: str, start: str | None = None) -> onnx.ModelProto:
    """The nodes between two tensors as a network of its own; from the model's input where no start is named."""
    needed, kept = {output}, []
    for node in reversed(nodes_of(model)):
        if needed & set(node.output) and start not in node.output:
            kept.append(node)
            needed |= set(node.input)
    entry = helper.make_tensor_value_info(start, TensorProto.FLOAT, None) if start else model.graph.input[0]
    return assembled(kept[::-1], arrays_of(model), entry=entry, output=output, opset=model.opset_import[0].version)


def continued(
    model: onnx.ModelProto, nodes: Sequence[NodeProto], arrays: Mapping[str, np.ndarray], *, output: str
) -> onnx.ModelProto:
    """The model with `nodes` and their `arrays` put at its end; its output is `output` then."""
    every_node, every_array = [*nodes_of(model), *nodes], arrays_of(model) | dict(arrays)
    opset = model.opset_import[0].version
    return assembled(every_node, every_array, entry=model.graph.input[0], output=output, opset=opset)


def assembled(
    nodes: Sequence[NodeProto], arrays: Mapping[str, np.ndarray], *, entry: ValueInfoProto, output: str, opset: int
) -> onnx.ModelProto:
    """A network of one input and one float output; of `arrays` those that are used."""
    used = {name for node in nodes for name in node.input}
    initialisers = [numpy_helper.from_array(np.asarray(v), k) for k, v in arrays.items() if k in used]
    leaves = helper.make_tensor_value_info(output, TensorProto.FLOAT, None)
    graph = helper.make_graph(list(nodes), "reading", [entry], [leaves], initialisers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
