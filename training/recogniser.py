"""Assembly: exported members become a recogniser, with fusion, router and thresholds fitted to it."""

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from bentos.runtime.contract import (
    CueSpec,
    LogisticSpec,
    MemberSpec,
    QualitySpec,
    RecogniserSpec,
    RouterSpec,
    file_digests,
    write_spec,
)
from bentos.runtime.enrol import NOTHING_KNOWN, ReferencePicture, build_gallery
from bentos.runtime.features import VisualFeatures
from bentos.runtime.gallery import Gallery
from bentos.runtime.imprint_world import WORLD_FILE, count_tokens
from bentos.runtime.medication import Medication, appearance_id_of, fold_imprint, look_group_of
from bentos.runtime.predictor import Predictor
from bentos.runtime.recogniser import Recogniser
from training.attributes import fit_attributes, photographs_to_fit, without_reading
from training.calibrate import (
    ROUTER_FEATURES,
    Pattern,
    Split,
    Table,
    drawn_candidates,
    fit_cues,
    fit_patterns,
    fit_quality,
    fit_router,
)
from training.calibration_config import CalibrationConfig
from training.examples import Observed, make_examples, observe_photos
from training.reading.weights import write_reader
from training.useful import useful_cues

_FIT_CANDIDATES = 512
_NEUTRAL = LogisticSpec(slope=1.0, intercept=0.0)


@dataclass(frozen=True)
class ExportedMember:
    """A member's ONNX files and its record."""

    spec: MemberSpec
    directory: Path


@dataclass(frozen=True)
class Facts:
    """What the recogniser is and came from."""

    name: str
    profile: str
    now: str
    calibration_domain: str
    training_fingerprint: str
    training_facts: dict[str, str]


def assemble_recogniser(
    members: Sequence[ExportedMember],
    *,
    dataset: pd.DataFrame,
    home: Path,
    medications: Sequence[Medication],
    references: Iterable[ReferencePicture],
    config: CalibrationConfig,
    facts: Facts,
    work: Path,
    out_root: Path,
    on_progress: Callable[[str, int, int], None],
    known_features: Mapping[str, VisualFeatures] = NOTHING_KNOWN,
    market: Sequence[Medication] = (),
) -> Path:
    """Fit everything that joins the members and write `out_root/<digest12>`; returns that directory.

    `dataset` is the manifest with splits; `on_progress(stage, done, total)` reports observing and fitting;
    `known_features` are the feature store's; the imprint tokens of `market` are counted, else of those trained on.

    Raises:
        ContractError: the members' files are not of the contract's form.
    """
    shutil.rmtree(work, ignore_errors=True)
    draft = _draft(members, config=config, facts=facts)
    draft = _write(draft, members, work / "recogniser", read_imprints=config.read_imprints)
    build_gallery(Recogniser.load(work / "recogniser"), medications=medications, references=references,
                  out=work / "gallery", name="draft", now=facts.now, known_features=known_features,
                  on_view=lambda done: on_progress("references", done, 0))  # fmt: skip
    seen = set(dataset.loc[dataset["appearance_role"] == "seen", "appearance_id"])
    trained_on = [row for row in medications if appearance_id_of(row) in seen]
    draft = _with_world(draft, market or trained_on, directory=work / "recogniser")
    predictor = _reload(draft, work)
    see = partial(_observe, predictor, dataset, home=home, config=config, on_progress=on_progress)
    observed = {split: see(split) for split in ("fit", "calibrate")}
    train = photographs_to_fit(dataset, num=config.attribute_photos, seed=config.seed)
    draft = _with_attributes(draft, predictor, train, observed["fit"], home=home, on_progress=on_progress)
    final = _fit(draft, predictor, observed, work=work, config=config, on_progress=on_progress)
    return _publish(final, work / "recogniser", out_root)


def _draft(members: Sequence[ExportedMember], *, config: CalibrationConfig, facts: Facts) -> RecogniserSpec:
    cues = CueSpec(
        members={member.spec.name: _NEUTRAL for member in members},
        color_histogram=_NEUTRAL,
        shape_ratio=_NEUTRAL,
        texture=_NEUTRAL,
        imprint_error_rate=config.imprint_error_rate,
        size_sd_mm=config.size_sd_mm,
        typed_color_error_rate=config.typed_color_error_rate,
        typed_shape_error_rate=config.typed_shape_error_rate,
    )
    router = RouterSpec(feature_names=ROUTER_FEATURES, weights=(0.0,) * len(ROUTER_FEATURES), bias=0.0,
                        hard_probability=config.hard_probability,
                        escalate_uncertainty=config.escalate_uncertainty)  # fmt: skip
    return RecogniserSpec(
        name=facts.name,
        created_at=facts.now,
        profile=facts.profile,
        members=tuple(_looking(member.spec, half_turned=config.half_turned) for member in members),
        cues=cues,
        patterns={},
        router=router,
        quality=QualitySpec(min_sharpness=0, max_clipped=1, min_pill_px=0, min_brightness=0),
        unknown_prior=config.unknown_prior,
        promised_coverage=config.promised_coverage,
        calibration_domain=facts.calibration_domain,
        training_fingerprint=facts.training_fingerprint,
        training_facts=facts.training_facts,
        files={},
    )


def _looking(spec: MemberSpec, *, half_turned: bool) -> MemberSpec:
    changed = spec.preprocess.model_copy(update={"half_turned": half_turned or None})
    return spec.model_copy(update={"preprocess": changed})


def _files(spec: MemberSpec) -> list[str]:
    return [file for file in (spec.onnx_fp32, spec.onnx_int8) if file is not None]


def _write(
    spec: RecogniserSpec, members: Sequence[ExportedMember], directory: Path, *, read_imprints: bool
) -> RecogniserSpec:
    """Copy the networks' files beside a record that names them."""
    directory.mkdir(parents=True)
    for member in members:
        for file in _files(member.spec):
            shutil.copyfile(member.directory / file, directory / file)
    if read_imprints:
        spec = spec.model_copy(update={"reader": write_reader(directory)})
    return _seal(spec, directory)


def _seal(spec: RecogniserSpec, directory: Path) -> RecogniserSpec:
    names = [file for member in spec.members for file in _files(member)]
    names += [spec.reader.finder_onnx, spec.reader.reader_onnx] if spec.reader else []
    names += [spec.imprint_world] if spec.imprint_world else []
    names += [spec.attributes.file] if spec.attributes else []
    sealed = spec.model_copy(update={"files": file_digests(directory, names)})
    write_spec(directory, sealed)
    return sealed


def _with_world(spec: RecogniserSpec, medications: Sequence[Medication], *, directory: Path) -> RecogniserSpec:
    """Count how common each imprint token is among pills that differ to look at."""
    looks = {look_group_of(row): [fold_imprint(token.text) for token in row.imprint] for row in medications}
    count_tokens(looks.values()).write(directory / WORLD_FILE)
    return spec.model_copy(update={"imprint_world": WORLD_FILE})


def _with_attributes(
    spec: RecogniserSpec,
    predictor: Predictor,
    photos: pd.DataFrame,
    settle: Sequence[Observed],
    *,
    home: Path,
    on_progress: Callable[[str, int, int], None],
) -> RecogniserSpec:
    """Maps to SPL attributes, where there are photographs of the train split to fit them on."""
    train = observe_photos(without_reading(predictor), photos, home=home,
                           on_photo=lambda done, total: on_progress("attributes", done, total))  # fmt: skip
    found = fit_attributes(train, settle, medications=predictor.gallery.medications,
                           members=tuple(predictor.recogniser.members),
                           directory=predictor.recogniser.directory)  # fmt: skip
    return spec.model_copy(update={"attributes": found})


def _reload(spec: RecogniserSpec, work: Path) -> Predictor:
    """A predictor over the draft's gallery; its binding to the draft's digest is not yet of interest."""
    _seal(spec, work / "recogniser")
    return Predictor(Recogniser.load(work / "recogniser"), Gallery.load(work / "gallery"))


def _observe(
    predictor: Predictor,
    dataset: pd.DataFrame,
    split: str,
    *,
    home: Path,
    config: CalibrationConfig,
    on_progress: Callable[[str, int, int], None],
) -> list[Observed]:
    photos = dataset[(dataset["split"] == split) & dataset["medication_id"].notna()]
    photos = photos.sample(min(len(photos), config.max_photos), random_state=config.seed).sort_values("photo_id")
    return observe_photos(predictor, photos, home=home, on_photo=lambda done, total: on_progress(split, done, total))


def _fit(
    draft: RecogniserSpec,
    predictor: Predictor,
    observed: dict[str, list[Observed]],
    *,
    work: Path,
    config: CalibrationConfig,
    on_progress: Callable[[str, int, int], None],
) -> RecogniserSpec:
    """Cue ratios first, as the weights build on them; then patterns, and the router that reads the weights."""
    rng = np.random.default_rng(config.seed)
    examples = {
        (split, two): make_examples(items, predictor, rng=rng, two_sided=two)
        for split, items in observed.items()
        for two in (False, True)
    }
    spec = draft.model_copy(update={"cues": fit_cues(predictor, examples["fit", False], rng=rng)})
    predictor = _reload(spec, work)
    among = drawn_candidates(examples["fit", False], num_appearances=len(predictor.gallery.appearances),
                             num=_FIT_CANDIDATES, rng=rng)  # fmt: skip
    spec = _with_useful_attributes(spec, Table(predictor, examples["fit", False], among=among))
    predictor = _reload(spec, work)
    fit = Split(*(Table(predictor, examples["fit", two], among=among) for two in (False, True)))
    calibrate = Split(*(Table(predictor, examples["calibrate", two]) for two in (False, True)))
    patterns = fit_patterns(predictor, fit, calibrate, config=config, rng=rng,
                            on_pattern=lambda done, total: on_progress("patterns", done, total))  # fmt: skip
    quality = fit_quality(examples["fit", False])
    spec = spec.model_copy(update={"patterns": patterns, "quality": quality})
    router = fit_router(_reload(spec, work), examples["fit", False], config=config)
    return _seal(spec.model_copy(update={"router": router}), work / "recogniser")


def _with_useful_attributes(spec: RecogniserSpec, table: Table) -> RecogniserSpec:
    """Attribute cues keep a weight only where they pay on looks they were not weighed on."""
    if spec.attributes is None:
        return spec
    everyone = Pattern(tuple(member.name for member in spec.members), (), two_sided=False)
    names, problem = table.problem(everyone, unknown_prior=spec.unknown_prior)
    looks = [table.examples[q].look_group for q in table.rows(everyone)] * 2
    cues = useful_cues(names, problem, looks, optional=spec.attributes.cues, unknown_prior=spec.unknown_prior)
    return spec.model_copy(update={"attributes": spec.attributes.model_copy(update={"cues": cues})})


def _publish(spec: RecogniserSpec, directory: Path, out_root: Path) -> Path:
    """Move the finished directory to the name of its digest."""
    digest = write_spec(directory, spec)
    target = out_root / digest.removeprefix("sha256:")[:12]
    shutil.rmtree(target, ignore_errors=True)
    out_root.mkdir(parents=True, exist_ok=True)
    shutil.move(directory, target)
    return target
