"""Training the strip reader by connectionist temporal classification (Graves et al., ICML 2006).

The front half stays as it is and runs on ONNX Runtime where the pictures are made; the tail learns. Strips that
stand on their head are labelled empty, so that the reader says which way up a line is. B: strips, T: steps.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import onnx
import onnxruntime as ort
import torch
from torch.nn import functional as F

from bentos.runtime.contract import ReaderSpec
from bentos.runtime.lattice import ALPHABET, BLANK, greedy_text
from bentos.runtime.recogniser import session_options
from bentos.runtime.strips import normalised, strip_of, strip_size
from training.batches import item_seed
from training.reading.graph import Graph
from training.reading.lines import TextLine, extent
from training.reading.loop import Group, Task
from training.reading.networks import nodes_of, part_of
from training.reading.photograph import Photographer

_FROZEN_DEPTHWISE = 10
_SAME_UPSIDE_DOWN = frozenset("01689HINOSXZ")
_LONGEST = 14
_UPSIDE_DOWN = 0.16
_PX_PER_STEP = 8


def reader_task(start: onnx.ModelProto, photographer: Photographer) -> Task:
    """Train the tail of `start`, as `training.reading.base.new_reader` or an earlier training made it."""
    cut, logits = _cut(start), nodes_of(start)[-1].input[0]
    pictures = ReaderPictures(photographer, part_of(start, output=cut).SerializeToString())
    return Task(start, Graph(part_of(start, start=cut, output=logits)), photographer, pictures, reader_loss)


def _cut(model: onnx.ModelProto) -> str:
    """The tensor that enters the eleventh depthwise convolution."""
    grouped = [node for node in nodes_of(model) if node.op_type == "Conv"
               and any(a.name == "group" and a.i > 1 for a in node.attribute)]  # fmt: skip
    return grouped[_FROZEN_DEPTHWISE].input[0]


@dataclass(frozen=True)
class ReaderPictures:
    """The front half's view of a step's strips, by their width; `front` is its ONNX file."""

    photographer: Photographer
    front: bytes

    def __reduce__(self) -> tuple:
        """Another process opens a session of its own."""
        return ReaderPictures, (self.photographer, self.front)

    @cached_property
    def _session(self) -> ort.InferenceSession:
        return ort.InferenceSession(self.front, session_options(), providers=["CPUExecutionProvider"])

    def __call__(self, step: int) -> list[Group]:
        config, strips = self.photographer.config, {}
        for place in range(config.batch_sides):
            rng = np.random.default_rng(item_seed(config.seed, step, place))
            canvas = self.photographer.take(rng)
            for line in canvas.lines:
                quad_4X, text = _directed(line, rng)
                quad_4X = jittered(quad_4X, rng)
                size = _roomy(quad_4X, text, spec=self.photographer.spec)
                strip_HWC = strip_of(canvas.rgb_HWC, quad_4X, size=size)
                strips.setdefault(size, []).append((strip_HWC, text))
        return [self._group(shown) for _, shown in sorted(strips.items())] or self(step + 1_000_000)

    def _group(self, shown: list[tuple[np.ndarray, str]]) -> Group:
        pictures = normalised(np.stack([strip_HWC for strip_HWC, _ in shown]))
        features = self._session.run(None, {self._session.get_inputs()[0].name: pictures})[0]
        return Group(torch.from_numpy(features.astype(np.float16)), [text for _, text in shown], len(shown))


def _directed(line: TextLine, rng: np.random.Generator) -> tuple[np.ndarray, str]:
    """The line as it is read, or now and then on its head, where nothing is to be read."""
    tells = len(line.text) > 1 and not set(line.text) <= _SAME_UPSIDE_DOWN
    if tells and rng.random() < _UPSIDE_DOWN:
        return np.roll(line.quad_4X, -2, axis=0), ""
    return line.quad_4X, line.text


def jittered(quad_4X: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The quad as a finder might give it: wider, narrower, shifted and turned a little."""
    along_X, across_X, _, height = extent(quad_4X)
    grown = abs(rng.normal(0, 0.16))
    left, right = (grown + rng.normal(0.02, 0.10, 2)) * height
    top, bottom = (grown + rng.normal(0.0, 0.07, 2)) * height
    ends = ((-left, -top), (right, -top), (right, bottom), (-left, bottom))
    moved_4X = quad_4X + np.array([along_X * x + across_X * y for x, y in ends])
    c, s = np.cos(angle := np.radians(rng.normal(0, 4))), np.sin(angle)
    middle_X = moved_4X.mean(axis=0)
    return (moved_4X - middle_X) @ np.array([[c, s], [-s, c]]) + middle_X


def _roomy(quad_4X: np.ndarray, text: str, *, spec: ReaderSpec) -> tuple[int, int]:
    """The strip's size, wider where its steps are hardly enough for the text."""
    width, height = strip_size(quad_4X, spec=spec)
    place = spec.strip_widths.index(width) + 2 * (width < _PX_PER_STEP * (len(text) + 1))
    return spec.strip_widths[min(place, len(spec.strip_widths) - 1)], height


def reader_loss(graph: Graph, group: Group) -> tuple[torch.Tensor, dict[str, float]]:
    """CTC loss by the root of the text's length, and the share of strips read exactly."""
    log_BTK = F.log_softmax(graph(group.inputs), dim=-1)
    texts = [text[:_LONGEST] for text in group.targets]
    codes = torch.tensor([ALPHABET.index(character) for text in texts for character in text], dtype=torch.long)
    lengths_B = torch.tensor([len(text) for text in texts])
    steps_B = torch.full((len(texts),), log_BTK.shape[1])
    loss_B = F.ctc_loss(
        log_BTK.transpose(0, 1), codes.to(log_BTK.device), steps_B, lengths_B, blank=BLANK, reduction="none",
        zero_infinity=True,
    )  # fmt: skip
    loss = (loss_B / lengths_B.clamp(min=1).sqrt().to(loss_B.device)).mean()
    read = [greedy_text(lattice_TK) for lattice_TK in log_BTK.detach().cpu().numpy()]
    return loss, {"exact": sum(map(str.__eq__, read, texts)) / len(texts)}
