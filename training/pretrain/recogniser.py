"""The pre-trained recogniser: exported members and the reader, fitted on simulated photographs of held-out sides."""

from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path

import numpy as np

from bentos.runtime.contract import MemberName, PreprocessSpec
from bentos.runtime.locate import locate
from bentos.runtime.preprocess import crop_pill
from training.backbones import load_encoder
from training.calibration_config import CalibrationConfig
from training.export import export_member
from training.pretrain.photographs import SimulatedSet
from training.recogniser import ExportedMember, Facts, assemble_recogniser

DOMAIN = "simulated photographs of reference sides"
_NUM_CROPS = 64


def pretrained_recogniser(
    simulated: SimulatedSet,
    *,
    weights: Mapping[MemberName, Path],
    config: CalibrationConfig,
    profile: str,
    facts: Mapping[str, str],
    now: str,
    out: Path,
    on_progress: Callable[[str, int, int], None],
) -> Path:
    """Export the members, fit everything that joins them, and write a recogniser below `out`; its directory.

    `weights` are files that `save_encoder` wrote; `facts` are kept as the recogniser's training facts.

    Raises:
        ParityError: ONNX Runtime does not answer as torch does.
        WeightsError: a file of weights is damaged.
    """
    return assemble_recogniser(
        [_exported(file, name, simulated, out=out / "members" / name) for name, file in weights.items()],
        dataset=simulated.photos,
        home=simulated.home,
        medications=simulated.medications,
        references=simulated.references,
        config=config,
        facts=Facts(name="pretrained", profile=profile, now=now, calibration_domain=DOMAIN,
                    training_fingerprint=simulated.fingerprint, training_facts=dict(facts)),
        work=out / "draft",
        out_root=out,
        on_progress=on_progress,
        market=simulated.market,
    )  # fmt: skip


def _exported(file: Path, member: MemberName, simulated: SimulatedSet, *, out: Path) -> ExportedMember:
    crops = _crops(simulated, load_encoder(file)[1].preprocess)
    return ExportedMember(export_member(file, member=member, out=out, calibration_crops=crops).spec, out)


def _crops(simulated: SimulatedSet, spec: PreprocessSpec) -> list[np.ndarray]:
    """Crops of evenly spaced medications' sides, to set int8 ranges and to compare ONNX Runtime with torch."""
    numbers = simulated.references.medication_ids
    chosen = numbers[:: max(1, 2 * len(numbers) // _NUM_CROPS)]
    crops = []
    for reference in islice(simulated.references.among(chosen), _NUM_CROPS):
        located = locate(reference.rgb_HWC, alpha_HW=reference.mask_HW.astype(np.uint8) * 255)
        crops += [crop_pill(reference.rgb_HWC, located[0], spec=spec)]
    return crops
