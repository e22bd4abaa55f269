"""Attributes as cues: what is seen speaks for what the catalogue says, by at most a limit, for every pill alone."""

from pathlib import Path

import numpy as np
import pytest

from bentos.runtime.attributes import (
    ATTRIBUTE_CUES,
    COLOR,
    NUM_OUTPUTS,
    PRINTED,
    RATES,
    SCORED,
    SHAPE,
    AttributeHeads,
    CatalogueFacts,
    as_seen,
    attribute_inputs,
    bias_name,
    open_attributes,
    probabilities,
    weight_name,
)
from bentos.runtime.contract import AttributeSpec
from bentos.runtime.errors import ContractError
from bentos.runtime.features import VisualFeatures
from bentos.runtime.medication import derive_appearances
from bentos.runtime.spl import COLORS, SHAPES
from tests.builders import DIM, medication

SPEC = AttributeSpec(file="attributes.npz", cues=ATTRIBUTE_CUES, temperatures={"fast": {}})
OUTPUTS = [*COLORS, *SHAPES, "scored", "printed"]


def logits(**surely: float) -> np.ndarray:
    """Every attribute unlikely but those named (spaces as underscores)."""
    found_K = np.full(NUM_OUTPUTS, -3.0)
    for name, value in surely.items():
        found_K[OUTPUTS.index(name)] = value
    return found_K


def heads(**overrides) -> AttributeHeads:
    return AttributeHeads(**{"spec": SPEC, "weight_KX": {}, "bias_K": {}, "rate_K": np.full(NUM_OUTPUTS, 0.2)}
                          | overrides)  # fmt: skip


def ratios(logit_K: np.ndarray, *items, **overrides) -> dict[str, list[float]]:
    facts = CatalogueFacts.of(derive_appearances(items))
    return {name: ratio_A.tolist() for name, ratio_A in heads(**overrides).ratios(logit_K, facts).items()}


def test_two_colours_speak_for_the_pill_of_both_before_pills_of_either() -> None:
    both, white, blue, red = ratios(
        logits(WHITE=3.0, BLUE=3.0),
        medication(1, colors=("BLUE", "WHITE")),
        medication(2, colors=("WHITE",)),
        medication(3, colors=("BLUE",)),
        medication(4, colors=("RED",)),
    )[COLOR]
    assert both > max(white, blue) > 0 > red


def test_shape_score_and_marking_speak_for_themselves() -> None:
    round_debossed = medication(1, shape="ROUND", score=1, imprint_type="DEBOSSED")
    oval_printed = medication(2, shape="OVAL", score=2, imprint_type="PRINTED")
    unmarked = medication(3, imprint_type=None)
    found = ratios(logits(OVAL=4.0, scored=2.0, printed=2.0), round_debossed, oval_printed, unmarked)
    for name in (SHAPE, SCORED, PRINTED):
        assert found[name][1] > 0 > found[name][0]
    assert found[PRINTED][2] == 0.0


def test_no_attribute_decides_alone_and_a_shape_never_seen_says_nothing() -> None:
    rate_K = np.full(NUM_OUTPUTS, 1e-6)
    rate_K[OUTPUTS.index("TEAR")] = 0.0
    found = ratios(logits(OVAL=60.0), medication(1, shape="OVAL"), medication(2, shape="ROUND"),
                   medication(3, shape="TEAR"), rate_K=rate_K)  # fmt: skip
    assert found[SHAPE] == [SPEC.limit, -SPEC.limit, 0.0]


def test_what_is_seen_is_named_by_its_likeliest_attributes() -> None:
    seen = as_seen([logits(WHITE=2.0, ROUND=4.0, scored=0.0), logits(WHITE=4.0, BLUE=1.0, ROUND=4.0, scored=0.0)])
    assert list(seen.colors) == ["WHITE", "BLUE"]
    assert seen.colors["WHITE"] == pytest.approx(1 / (1 + np.exp(-3)), abs=1e-3)
    assert next(iter(seen.shapes)) == "ROUND"
    assert seen.scored == 0.5
    assert probabilities(logits(OVAL=1.0))[len(COLORS) : len(COLORS) + len(SHAPES)].sum() == pytest.approx(1)


def write(directory: Path, *, dim: int = DIM) -> Path:
    rng = np.random.default_rng(0)
    features = VisualFeatures(0.5, np.full(48, 1 / 48, np.float32), np.zeros(32, np.float32))
    num_inputs = len(attribute_inputs(np.zeros(dim), features))
    arrays = {weight_name("fast"): rng.normal(size=(NUM_OUTPUTS, num_inputs)), bias_name("fast"): np.zeros(NUM_OUTPUTS)}
    np.savez(directory / SPEC.file, **arrays, **{RATES: np.full(NUM_OUTPUTS, 0.1)})
    return directory


def test_maps_are_opened_for_the_embedding_they_were_fitted_on_alone(tmp_path: Path) -> None:
    opened = open_attributes(write(tmp_path), SPEC, dims={"fast": DIM})
    features = VisualFeatures(0.5, np.full(48, 1 / 48, np.float32), np.zeros(32, np.float32))
    assert opened.logits(features, {"fast": np.zeros(DIM)}).shape == (NUM_OUTPUTS,)
    for dims in ({"fast": DIM + 1}, {"accurate": DIM}):
        with pytest.raises(ContractError, match="holds no"):
            open_attributes(tmp_path, SPEC, dims=dims)
