"""The networks that the reader's training began with: PP-OCRv4's, out of the `rapidocr_onnxruntime` wheel.

Text detection by differentiable binarisation (Liao et al., "Real-time Scene Text Detection with Differentiable
Binarization", AAAI 2020) on PP-LCNetV3; text recognition with an SVTR neck (Du et al., "SVTR: Scene Text Recognition
with a Single Visual Model", IJCAI 2022) trained by CTC. Both by the PaddleOCR authors, Apache-2.0.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper

from bentos.runtime.contract import ReaderSpec
from bentos.runtime.lattice import ALPHABET, BLANK
from bentos.runtime.read import Reader
from bentos.runtime.recogniser import session_options
from training.reading.networks import arrays_of, continued, nodes_of, part_of
from training.reading.simplify import simplified
from training.wheels import read_from_wheel

_DETECTION = (
    "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx",
    "d2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9",
)
_RECOGNITION = (
    "rapidocr_onnxruntime/models/ch_PP-OCRv4_rec_infer.onnx",
    "48fc40f24f6d2a207a2b1091d3437eb3cc3eb6b676dc3ef9c37384005483683b",
)
_CHARACTERS = "character"
_HEAD = ("head.weight", "head.bias")
_READY = {"text_threshold": 0.25, "max_lines": 12}


@dataclass(frozen=True)
class BaseNetworks:
    """Both networks, simplified; `characters[k]` is class k of the recogniser, 0 being blank."""

    detection: onnx.ModelProto
    recognition: onnx.ModelProto
    characters: tuple[str, ...]


def read_base(wheel: Path) -> BaseNetworks:
    """Read both networks out of the wheel, a zip archive; nothing of it is installed or run.

    Raises:
        WheelError: one is missing, or has another SHA-256 than that of release 1.4.4.
    """
    detection, recognition = (_member(wheel, file, sha256=sha256) for file, sha256 in (_DETECTION, _RECOGNITION))
    listed = next(entry.value for entry in recognition.metadata_props if entry.key == _CHARACTERS)
    return BaseNetworks(simplified(detection), simplified(recognition), ("", *listed.split("\n"), " "))


def _member(wheel: Path, file: str, *, sha256: str) -> onnx.ModelProto:
    return onnx.load_model_from_string(read_from_wheel(wheel, file, sha256=sha256))


def ready_reader(base: BaseNetworks) -> Reader:
    """The networks as they come, in the form that the runtime reads with: the ready OCR, and what labels sides."""
    networks = ready_finder(base), ready_strip_reader(base)
    finder, reader = (ort.InferenceSession(n.SerializeToString(), session_options()) for n in networks)
    return Reader(ReaderSpec(finder_onnx="", reader_onnx="", **_READY), finder, reader)


def ready_finder(base: BaseNetworks) -> onnx.ModelProto:
    """Detection without its last sigmoid: the logit of a line's core at full resolution."""
    return part_of(base.detection, output=nodes_of(base.detection)[-1].input[0])


def ready_strip_reader(base: BaseNetworks) -> onnx.ModelProto:
    """Recognition with its thousands of classes summed to the alphabet and blank; what is neither counts nowhere."""
    sums_KC = np.zeros((len(base.characters), BLANK + 1), np.float32)
    for k, character in enumerate(base.characters):
        if character.strip() == "":
            sums_KC[k, BLANK] = 1
        elif character.upper() in ALPHABET:
            sums_KC[k, ALPHABET.index(character.upper())] = 1
    output = base.recognition.graph.output[0].name
    node = helper.make_node("MatMul", [output, "sums_KC"], ["probability"])
    return continued(base.recognition, [node], {"sums_KC": sums_KC}, output="probability")


def new_finder(base: BaseNetworks, *, seed: int) -> onnx.ModelProto:
    """The detector's trunk, up to a quarter of the resolution, with a new head: core logit, cos, sin of direction."""
    tap = next(node.input[0] for node in nodes_of(base.detection) if node.op_type == "ConvTranspose")
    trunk, rng = part_of(base.detection, output=tap), np.random.default_rng(seed)
    last = next(node for node in nodes_of(trunk)[::-1] if node.op_type == "Conv")
    num_in = len(arrays_of(trunk)[last.input[1]])
    limit = 1 / np.sqrt(num_in * 9)
    head = {
        _HEAD[0]: rng.uniform(-limit, limit, (3, num_in, 3, 3)).astype(np.float32),
        _HEAD[1]: rng.uniform(-limit, limit, 3).astype(np.float32),
    }
    node = helper.make_node("Conv", [tap, *_HEAD], ["logits"], kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    return continued(trunk, [node], head, output="logits")


def new_reader(base: BaseNetworks) -> onnx.ModelProto:
    """Recognition with its last layer reduced to the alphabet's capitals and digits, and blank."""
    arrays, nodes = arrays_of(base.recognition), nodes_of(base.recognition)
    last = next(node for node in nodes[::-1] if node.op_type == "MatMul")
    added = next(node for node in nodes if last.output[0] in node.input)
    bias_K = next(arrays[name] for name in added.input if name in arrays)
    chosen = [base.characters.index(character) for character in ALPHABET] + [0]
    head = {_HEAD[0]: arrays[last.input[1]][:, chosen], _HEAD[1]: bias_K[chosen]}
    end = [
        helper.make_node("MatMul", [last.input[0], _HEAD[0]], ["scores"]),
        helper.make_node("Add", ["scores", _HEAD[1]], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probs"], axis=2),
    ]
    return continued(part_of(base.recognition, output=last.input[0]), end, head, output="probs")
