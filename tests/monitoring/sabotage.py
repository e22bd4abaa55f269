"""Breaks an honest recogniser or gallery the ways a pipeline breaks, and records how each is then evaluated.

`python -m tests.monitoring.sabotage HOME OUT` evaluates the newest run of a home honestly and broken, and
writes what the gates read of each evaluation, and the gates that failed under the profile's policy.
"""

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
from onnx import numpy_helper

from bentos.runtime.contract import file_digests, read_recogniser_spec, write_spec
from bentos.runtime.enrol import ReferencePicture, build_gallery
from bentos.runtime.gallery import Gallery
from bentos.runtime.medication import Medication
from bentos.runtime.predictor import Predictor
from bentos.runtime.recogniser import Recogniser
from data.harm import Harm
from data.references import reference_pictures
from monitoring.evaluate import evaluate
from monitoring.gates import failures_in_words, judge
from monitoring.policy import policy_named

NOW = "2026-01-01T00:00:00+00:00"
READ_BY_GATES = ("about", "questions", "roles", "members", "slices", "unknown", "confident_errors", "latency_ms")


def honest(source: Path, out: Path) -> Path:
    """The recogniser as it is."""
    return Path(shutil.copytree(source, out))


def random_member(member: str) -> Callable[[Path, Path], Path]:
    """One member whose weights are shuffled within each layer: it has the scale of a network and knows nothing."""

    def broken(source: Path, out: Path) -> Path:
        honest(source, out)
        spec = next(found for found in read_recogniser_spec(out).members if found.name == member)
        file = out / (spec.onnx_int8 if spec.serve == "int8" else spec.onnx_fp32)
        model = onnx.load(file)
        rng = np.random.default_rng(0)
        for weights in model.graph.initializer:
            values = numpy_helper.to_array(weights)
            if values.ndim >= 2:
                shuffled = rng.permutation(values.ravel()).reshape(values.shape)
                weights.CopyFrom(numpy_helper.from_array(shuffled, weights.name))
        onnx.save(model, file)
        return sealed(out)

    return broken


def divided_by_255(source: Path, out: Path) -> Path:
    """Prediction that leaves out the normalisation which training applied."""
    honest(source, out)
    spec = read_recogniser_spec(out)
    plain = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)}
    members = tuple(m.model_copy(update={"preprocess": m.preprocess.model_copy(update=plain)}) for m in spec.members)
    write_spec(out, spec.model_copy(update={"members": members}))
    return out


def sealed(directory: Path) -> Path:
    """The record with digests of the files as they are now."""
    spec = json.loads((directory / "recogniser.json").read_text())
    spec["files"] = file_digests(directory, list(spec["files"]))
    (directory / "recogniser.json").write_text(json.dumps(spec))
    return directory


RECOGNISERS: dict[str, Callable[[Path, Path], Path]] = {
    "honest": honest,
    "labels_shuffled": honest,
    "preprocessing_changed": divided_by_255,
    "fast_member_random": random_member("fast"),
    "accurate_member_random": random_member("accurate"),
}


def with_shuffled_labels(references: Sequence[ReferencePicture]) -> list[ReferencePicture]:
    """Every medication gets the pictures of another one."""
    ids = np.random.default_rng(0).permutation(sorted({item.medication_id for item in references}))
    other = dict(zip(ids.tolist(), np.roll(ids, 1).tolist(), strict=True))
    return [ReferencePicture(**{**vars(item), "medication_id": other[item.medication_id]}) for item in references]


def broken_predictor(
    name: str, source: Path, *, references: Sequence[ReferencePicture], medications: Sequence[Medication], work: Path
) -> Predictor:
    """A predictor of the recogniser broken in the way `name`, with the gallery that it enrols itself."""
    recogniser = Recogniser.load(RECOGNISERS[name](source, work / name / "recogniser"))
    shown = with_shuffled_labels(references) if name == "labels_shuffled" else references
    gallery = work / name / "gallery"
    build_gallery(recogniser, medications=medications, references=shown, out=gallery, name=name, now=NOW)
    return Predictor(recogniser, Gallery.load(gallery, recogniser=recogniser))


def evaluated(
    name: str, source: Path, *, dataset: pd.DataFrame, medications: Sequence[Medication], home: Path, num: int
) -> dict:
    """What the gates read of the evaluation of a recogniser broken in the way `name`, on `num` photographs."""
    references = list(reference_pictures(dataset[dataset["role"] == "reference"], home=home))
    roles = dict(zip(dataset["appearance_id"], dataset["appearance_role"], strict=True))
    test = dataset[(dataset["split"] == "test") & (dataset["role"] == "consumer")]
    with tempfile.TemporaryDirectory() as work:
        predictor = broken_predictor(name, source, references=references, medications=medications, work=Path(work))
        found = evaluate(predictor, test, home=home, appearance_roles=roles, max_photos=num,
                         on_progress=lambda done, total: None).metrics  # fmt: skip
    calibration = {"picture": {"ece": found["calibration"]["picture"]["ece"]}}
    return {**{part: found[part] for part in READ_BY_GATES}, "calibration": calibration}


def main(home: Path, out: Path, *, num: int = 400) -> None:
    """Evaluate the home's newest recogniser honestly and broken in every way."""
    from data.catalogue.formulary import read_formulary

    made = [path.parent for path in (home / "recognisers").glob("*/recogniser.json")]
    source = max(made, key=lambda path: path.stat().st_mtime)
    dataset = pd.read_parquet(home / "manifest" / "dataset.parquet")
    out.mkdir(parents=True, exist_ok=True)
    for name in RECOGNISERS:
        found = evaluated(name, source, dataset=dataset, medications=read_formulary(), home=home, num=num)
        (out / f"{name}.json").write_text(json.dumps(found, sort_keys=True) + "\n")
        gates = judge(found, champion=None, policy=policy_named(found["about"]["profile"]), harm=Harm())
        tops = {member: figures["top1"]["value"] for member, figures in found["members"].items()}
        top1 = found["questions"]["picture"]["drug"]["top1"]["value"]
        sys.stdout.write(f"{name}: picture drug top-1 {top1:.3f}, networks alone {tops}\n")
        sys.stdout.writelines(f"  {sentence}\n" for sentence in failures_in_words(gates.gates))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
