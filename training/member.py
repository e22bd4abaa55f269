"""One member from data set to export: cropped, trained, exported and checked once per what it depends on."""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd

from bentos.runtime.contract import MemberName, PreprocessSpec, canonical_json
from bentos.runtime.medication import Medication
from training.candidate import MEMBER_FILE
from training.config import TrainConfig
from training.dataset import Pack, build_pack
from training.export import export_member
from training.external import ExternalEncoder, export_external, read_external
from training.loop import train_member, training_fingerprint
from training.parity import MAX_ABS_ERROR, MIN_COSINE_FP32, Parity
from training.profiles import PROFILES

HISTORY_FILE, FACTS_FILE = "history.json", "training.json"
_NUM_PARITY_CROPS = 64


class Follows(Protocol):
    """Whoever watches: crops cut, steps taken, epochs ended."""

    def on_crop(self, done: int, total: int) -> None: ...

    def on_step(self, done: int, total: int) -> None: ...

    def on_epoch(self, epoch: int, figures: dict[str, float]) -> None: ...


@dataclass(frozen=True)
class MadeMember:
    """A directory with weights, ONNX files and the member's record. `history` has one entry per epoch."""

    directory: Path
    figures: dict[str, float]
    history: list[dict[str, float]]
    parity: Parity

    @property
    def parity_holds(self) -> bool:
        """Whether ONNX Runtime in fp32 answers as torch did."""
        return self.parity.max_abs_error <= MAX_ABS_ERROR and self.parity.min_cosine_fp32 >= MIN_COSINE_FP32


def make_member(
    config: TrainConfig,
    member: MemberName,
    *,
    dataset: pd.DataFrame,
    medications: Sequence[Medication],
    code: str,
    home: Path,
    follow: Follows,
) -> MadeMember:
    """Train and export a member below `home/members`, or find the one made from the same before.

    A training that was killed goes on from its checkpoint. `code` names the version of the training code.

    Raises:
        ExternalEncoderError: the encoder that the configuration names cannot serve as one.
        ParityError: ONNX Runtime does not answer as torch does.
        WeightsError: the initial weights named by the configuration are not what it says.
        ValueError: no photograph to train on.
    """
    described = config.choice(member).external
    external = None if described is None else read_external(described)
    spec = external.preprocess if external else config.recipe(member).preprocess
    packs = home / "packs"
    others = [config.recipe(name).preprocess for name in PROFILES[config.profile] if name != member]
    pack = build_pack(dataset, medications=medications, home=home, spec=spec, out=packs / _named(spec, code),
                      beside={packs / _named(other, code): other for other in others},
                      on_progress=follow.on_crop)  # fmt: skip
    made_of = f"{member} {external.model_dump_json()}" if external else training_fingerprint(config, member, pack)
    key = hashlib.sha256(f"{made_of} {code}".encode()).hexdigest()[:12]
    directory = home / "members" / key
    if not (directory / MEMBER_FILE).is_file():
        if external:
            _take(external, member, pack, directory)
        else:
            _make(config, member, pack, directory, follow=follow)
    return read_made(directory)


def read_made(directory: Path) -> MadeMember:
    """What a finished member's directory says about its making."""
    facts = json.loads((directory / FACTS_FILE).read_text())
    return MadeMember(directory, facts["figures"], read_history(directory), Parity(**facts["parity"]))


def read_history(directory: Path) -> list[dict[str, float]]:
    """Figures of the epochs done so far, killed and resumed ones included."""
    path = directory / HISTORY_FILE
    return json.loads(path.read_text()) if path.is_file() else []


def _make(config: TrainConfig, member: MemberName, pack: Pack, directory: Path, *, follow: Follows) -> None:
    def on_epoch(epoch: int, figures: dict[str, float]) -> None:
        _write_json(directory / HISTORY_FILE, [*read_history(directory)[: epoch - 1], figures])
        follow.on_epoch(epoch, figures)

    trained = train_member(config, member, pack, out=directory, on_step=follow.on_step, on_epoch=on_epoch)
    crops = parity_crops(pack)
    exported = export_member(trained.weights, member=member, out=directory, calibration_crops=crops)
    parity = dataclasses.asdict(exported.parity)
    _write_json(directory / FACTS_FILE, {"figures": trained.metrics, "parity": parity})
    _write_json(directory / MEMBER_FILE, exported.spec.model_dump(mode="json"))


def _take(external: ExternalEncoder, member: MemberName, pack: Pack, directory: Path) -> None:
    """A ready encoder's files and records, as a training leaves them; it has no figures of training."""
    spec, parity = export_external(external, member=member, out=directory, crops=parity_crops(pack))
    _write_json(
        directory / FACTS_FILE,
        {
            "figures": {},
            "parity": dataclasses.asdict(parity),
            "external": external.model_dump(mode="json", exclude={"file"}),
        },
    )
    _write_json(directory / MEMBER_FILE, spec.model_dump(mode="json"))


def parity_crops(pack: Pack) -> list[np.ndarray]:
    """Evenly spaced validation crops, training crops where there are too few."""
    held_back = pack.numbers("validate")
    numbers = [*held_back, *pack.numbers("train")][: max(_NUM_PARITY_CROPS, len(held_back))]
    chosen = numbers[:: max(1, len(numbers) // _NUM_PARITY_CROPS)][:_NUM_PARITY_CROPS]
    return [np.asarray(pack.crops_NSSC[number]) for number in chosen]


def _named(spec: PreprocessSpec, code: str) -> str:
    cropping = spec.model_dump(mode="json", exclude={"mean", "std"})
    return hashlib.sha256(canonical_json([cropping, code])).hexdigest()[:12]


def _write_json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(value, indent=1) + "\n")
    draft.replace(path)
