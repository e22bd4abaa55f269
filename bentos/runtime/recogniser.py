"""A recogniser: the members' ONNX encoders and everything fitted with them, checked before use.

Shapes: B pictures, S size in px, D embedding.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort

from bentos.runtime.attributes import AttributeHeads, open_attributes
from bentos.runtime.contract import MemberSpec, RecogniserSpec, read_recogniser_spec, spec_digest
from bentos.runtime.errors import ContractError
from bentos.runtime.imprint_world import NO_WORLD, ImprintWorld
from bentos.runtime.preprocess import to_batch
from bentos.runtime.read import Reader, open_reader

_NOTHING_MORE = ort.RunOptions()
_NOTHING_MORE.only_execute_path_to_fetches = True


@dataclass(frozen=True)
class Member:
    """One encoder with its session."""

    spec: MemberSpec
    session: ort.InferenceSession

    def embed(self, crops: Sequence[np.ndarray], *, max_batch: int = 32) -> np.ndarray:
        """Map uint8 crops (S, S, 3) to unit rows (B, D), float32."""
        parts = [self._run(crops[i : i + max_batch], with_map=False)[0] for i in range(0, len(crops), max_batch)]
        return np.concatenate(parts) if parts else np.zeros((0, self.spec.embedding_dim), np.float32)

    def embed_with_map(self, crops: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray | None]:
        """As `embed`, one to 32 crops, and what each region adds (B, H, W, D); None where the network has no map.

        The mean of the map over H and W is the unit row.
        """
        found = self._run(crops, with_map=self.spec.map_output is not None)
        return found[0], found[1] if len(found) == 2 else None

    def _run(self, crops: Sequence[np.ndarray], *, with_map: bool) -> list[np.ndarray]:
        """The outputs asked for: the network computes what they need and nothing else."""
        outputs = [self.session.get_outputs()[0].name, *([self.spec.map_output] if with_map else [])]
        feed = {self.session.get_inputs()[0].name: to_batch(crops, spec=self.spec.preprocess)}
        return self.session.run(outputs, feed, _NOTHING_MORE)


@dataclass(frozen=True)
class Recogniser:
    """The loaded contract; `digest` is what releases, galleries and verdicts bind to."""

    directory: Path
    spec: RecogniserSpec
    digest: str
    members: dict[str, Member]
    reader: Reader | None = None
    imprint_world: ImprintWorld = NO_WORLD
    attributes: AttributeHeads | None = None

    @classmethod
    def load(cls, directory: Path, *, members: tuple[str, ...] | None = None) -> "Recogniser":
        """Read, check every digest, and open one ONNX Runtime session per network.

        Args:
            members: the members to open; all that the contract names by default.

        Raises:
            ContractError: a file is missing or changed, or a member is asked for that is not there.
        """
        spec = read_recogniser_spec(directory)
        known = {member.name: member for member in spec.members}
        wanted = members or tuple(known)
        if missing := set(wanted) - set(known):
            raise ContractError(f"the recogniser has no member {', '.join(sorted(missing))}")
        opened = {name: open_member(directory, known[name]) for name in wanted}
        reader = open_reader(directory, spec.reader, options=session_options()) if spec.reader else None
        world = ImprintWorld.load(directory / spec.imprint_world) if spec.imprint_world else NO_WORLD
        dims = {name: known[name].embedding_dim for name in wanted}
        attributes = open_attributes(directory, spec.attributes, dims=dims) if spec.attributes else None
        return cls(directory, spec, spec_digest(spec), opened, reader, world, attributes)

    def embed(self, member: str, crops: Sequence[np.ndarray]) -> np.ndarray:
        """Map uint8 crops (S, S, 3) of the member's size to unit rows (B, D)."""
        return self.members[member].embed(crops)

    def embed_with_map(self, member: str, crops: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray | None]:
        """Unit rows (B, D) and what each region adds to them (B, H, W, D), None where the member has no map."""
        return self.members[member].embed_with_map(crops)


def session_options() -> ort.SessionOptions:
    """One thread for each session: more were slower on small networks."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return options


def open_member(directory: Path, spec: MemberSpec) -> Member:
    """Open the member's session."""
    file = spec.onnx_int8 if spec.serve == "int8" else spec.onnx_fp32
    session = ort.InferenceSession(directory / file, session_options(), providers=["CPUExecutionProvider"])
    return Member(spec, session)
