"""Assembly and calibration of a recogniser: real ONNX members on drawn photographs of twelve pills."""

import numpy as np
import onnx
import pandas as pd
import pytest

from bentos.runtime.answer import PillMetadata
from bentos.runtime.contract import ContractError
from bentos.runtime.enrol import ReferencePicture, build_gallery
from bentos.runtime.gallery import Gallery
from bentos.runtime.medication import ImprintToken, appearance_id_of, look_group_of
from bentos.runtime.predictor import Predictor
from bentos.runtime.recogniser import Recogniser
from tests.builders import NOW, encoder_onnx, jpeg, medication, member_spec, pill_picture
from training.calibrate import Pattern, all_patterns
from training.calibration_config import CalibrationConfig
from training.recogniser import ExportedMember, Facts, assemble_recogniser

COLORS = {"WHITE": (230, 230, 225), "RED": (180, 40, 40), "BLUE": (50, 70, 190), "GREEN": (50, 150, 70)}
CATALOGUE = [
    medication(
        number,
        colors=(color,),
        imprint=(ImprintToken(text=f"{color[0]}{marks}7", side="front"), ImprintToken(text="XY", side="back")),
        size_mm=6.0 + number,
    )
    for number, (color, marks) in enumerate(((c, m) for c in COLORS for m in range(3)), start=1)
]
CONFIG = CalibrationConfig(max_photos=80, identified_error=0.05)


def draw(item, *, side, rng):
    marks = (int(item.imprint[0].text[1]) if side == "front" else 0) + (side == "back")
    rgb = np.array(COLORS[item.colors[0]]) + rng.integers(-14, 15, size=3)
    picture = pill_picture(rgb=tuple(int(v) for v in np.clip(rgb, 0, 255)), marks=marks).astype(int)
    return np.clip(picture + rng.integers(-8, 9, size=picture.shape), 0, 255).astype(np.uint8)


def write_photo(home, item, *, side, split, role, number, rng):
    path = home / f"{item.ndc11}-{side}-{split}-{number}.jpg"
    path.write_bytes(jpeg(draw(item, side=side, rng=rng)))
    return {
        "photo_id": path.stem,
        "path": path.name,
        "medication_id": item.medication_id,
        "appearance_id": appearance_id_of(item),
        "look_group": look_group_of(item),
        "side": side,
        "split": split,
        "appearance_role": role,
    }


def make_dataset(home):
    rng = np.random.default_rng(0)
    rows = [
        write_photo(home, item, side=side, split=split, role="fit_only" if i % 4 == 0 else "seen", number=n, rng=rng)
        for i, item in enumerate(CATALOGUE)
        for side in ("front", "back")
        for split in ("fit", "calibrate")
        for n in range(3)
    ]
    return pd.DataFrame(rows)


def references():
    rng = np.random.default_rng(1)
    for item in CATALOGUE:
        for side in ("front", "back"):
            yield ReferencePicture(item.medication_id, side, draw(item, side=side, rng=rng), None, item.ndc11, "tests")


def assemble(home, dataset, *, names, on_progress=lambda stage, done, total: None):
    members = []
    for seed, name in enumerate(names):
        onnx.save(encoder_onnx(seed=seed, dim=32), home / f"{name}.onnx")
        members.append(ExportedMember(member_spec(name, embedding_dim=32), home))
    return assemble_recogniser(
        members,
        dataset=dataset,
        home=home,
        medications=CATALOGUE,
        references=references(),
        config=CONFIG,
        facts=Facts("twelve", "demo", NOW, "drawn pills", "fingerprint", {"commit": "none"}),
        work=home / "work",
        out_root=home / "recognisers",
        on_progress=on_progress,
    )


@pytest.fixture(scope="module")
def assembled(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    stages = []
    directory = assemble(
        home,
        make_dataset(home),
        names=("fast", "accurate"),
        on_progress=lambda stage, done, total: stages.append((stage, done, total)),
    )
    return directory, stages


@pytest.fixture(scope="module")
def predictor(assembled, tmp_path_factory):
    recogniser = Recogniser.load(assembled[0])
    out = tmp_path_factory.mktemp("gallery")
    build_gallery(recogniser, medications=CATALOGUE, references=references(), out=out, name="g", now=NOW)
    return Predictor(recogniser, Gallery.load(out, recogniser=recogniser))


def new_photos():
    rng = np.random.default_rng(99)
    for item in CATALOGUE:
        for side in ("front", "back"):
            yield item, jpeg(draw(item, side=side, rng=rng))


def test_the_directory_is_named_by_its_digest_and_loads(assembled):
    directory, _ = assembled
    assert Recogniser.load(directory).digest.removeprefix("sha256:").startswith(directory.name)


def test_progress_of_every_stage_reaches_its_end(assembled):
    _, stages = assembled
    for stage in ("fit", "calibrate", "patterns"):
        done, total = [(d, t) for name, d, t in stages if name == stage][-1]
        assert done == total > 0


def test_every_pattern_of_cues_has_weights_and_thresholds(predictor):
    assert predictor.recogniser.spec.patterns.keys() == {p.key for p in all_patterns(("fast", "accurate"))}
    assert len({p.key for p in all_patterns(("fast", "accurate"))}) == 3 * 16 * 2
    assert Pattern(("fast",), ("imprint",), True).key == "fast+imprint+two_sides"


def test_new_photographs_are_ranked_far_above_chance_and_better_with_the_imprint(predictor):
    picture, typed = 0, 0
    for item, data in new_photos():
        observation = predictor.observe([data])
        picture += predictor.rank(observation)[0][0] == appearance_id_of(item)
        metadata = PillMetadata(imprint=item.imprint_text)
        typed += predictor.rank(observation, metadata=metadata)[0][0] == appearance_id_of(item)
    assert picture >= 7  # chance is 2
    assert typed == 24


def test_prediction_sets_hold_the_truth_about_as_often_as_promised(predictor):
    held = [
        item.medication_id in predictor.identify([data]).pills[0].prediction_set.medication_ids
        for item, data in new_photos()
    ]
    assert np.mean(held) >= 0.85


def test_removed_pills_are_seldom_identified(predictor):
    gallery = predictor.gallery
    false = [
        predictor.with_gallery(gallery.without([look_group_of(item)])).identify([data]).pills[0].status == "identified"
        for item, data in new_photos()
    ]
    assert np.mean(false) <= 0.1


def test_a_gallery_made_with_the_draft_is_refused_by_the_finished_recogniser(assembled):
    directory, _ = assembled
    with pytest.raises(ContractError, match="belongs to recogniser"):
        Gallery.load(directory.parent.parent / "work" / "gallery", recogniser=Recogniser.load(directory))


def test_photographs_of_fronts_alone_of_pills_no_member_saw_are_enough(tmp_path):
    dataset = make_dataset(tmp_path).query("side == 'front'").assign(appearance_role="fit_only")
    recogniser = Recogniser.load(assemble(tmp_path, dataset, names=("fast",)))
    assert {p.key for p in all_patterns(("fast",))} == recogniser.spec.patterns.keys()
    assert all(np.isfinite(spec.set_threshold) for spec in recogniser.spec.patterns.values())
