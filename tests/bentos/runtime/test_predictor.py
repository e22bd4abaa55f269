"""The predictor on a tiny real bundle: two ONNX members, four medications."""

from dataclasses import replace

import numpy as np
import pytest

from bentos.runtime.answer import PillMetadata
from bentos.runtime.contract import ContractError
from bentos.runtime.enrol import build_gallery
from bentos.runtime.errors import InputError
from bentos.runtime.gallery import Gallery
from bentos.runtime.predictor import Predictor
from bentos.runtime.recogniser import Recogniser
from tests.builders import (
    NOW,
    jpeg,
    medication,
    pattern_spec,
    recogniser_spec,
    tiny_bundle,
    tiny_catalogue,
    tiny_picture,
    tiny_references,
)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return tiny_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def predictor(bundle):
    return Predictor.from_bundle(bundle)


def photo(number: int, side: str = "front") -> bytes:
    return jpeg(tiny_picture(tiny_catalogue()[number], side=side))


def first_id(answer) -> str:
    return answer.pills[0].alternatives[0].medication_id


@pytest.mark.parametrize("number", range(4))
@pytest.mark.parametrize("side", ["front", "back"])
def test_each_side_of_each_pill_ranks_its_own_medication_first(predictor, number, side):
    assert first_id(predictor.identify([photo(number, side)])) == tiny_catalogue()[number].medication_id


def test_front_and_back_may_come_in_either_order(predictor):
    one = predictor.identify([photo(1, "front"), photo(1, "back")]).pills[0]
    other = predictor.identify([photo(1, "back"), photo(1, "front")]).pills[0]
    assert one.alternatives[0].probability == pytest.approx(other.alternatives[0].probability, abs=1e-6)
    assert first_id(predictor.identify([photo(1, "front"), photo(1, "back")])) == tiny_catalogue()[1].medication_id


def test_probabilities_and_unknown_sum_to_one(predictor):
    observation = predictor.observe([photo(0)])
    ranking = predictor.rank(observation)
    unknown = predictor.answer(observation).pills[0].unknown_probability
    assert sum(p for _, p in ranking) + unknown == pytest.approx(1)


def test_an_explanation_adds_up_to_the_first_answers_score(predictor):
    pill = predictor.identify([photo(2)], metadata=PillMetadata(imprint="A3 TEST", color="blue")).pills[0]
    assert sum(pill.explanation.cues.values()) == pytest.approx(pill.alternatives[0].score, abs=1e-2)
    assert {"imprint", "typed_color"} <= pill.explanation.cues.keys()


@pytest.mark.parametrize("typed", ["A1 7777", "QX A1", "TEST 93"])
def test_a_typed_token_that_no_pill_carries_forbids_identified(predictor, typed):
    """The other token matches the pill; the stranger does not, whatever else the gallery holds."""
    alone = predictor.with_gallery(predictor.gallery.subset([predictor.gallery.appearances[0].appearance_id]))
    shown = alone.gallery.medications[alone.gallery.appearances[0].medication_ids[0]]
    number = [item.medication_id for item in tiny_catalogue()].index(shown.medication_id)
    token = typed.replace("A1", f"A{number + 1}")
    answer = alone.identify([photo(number)], metadata=PillMetadata(imprint=token)).pills[0]
    assert answer.status != "identified"


def test_a_typed_imprint_of_another_pill_forbids_identified(predictor):
    pill = predictor.identify([photo(0)], metadata=PillMetadata(imprint="A2 TEST")).pills[0]
    assert pill.status != "identified"
    assert any("speaks against" in warning for warning in pill.explanation.warnings)
    assert pill.next


@pytest.mark.parametrize("kept", [(0, 1, 2), (1, 2, 3), (1,)])
def test_enrolling_or_removing_pills_leaves_the_raw_scores_of_the_others_unchanged(bundle, tmp_path, kept):
    recogniser = Recogniser.load(bundle / "recogniser")
    build_gallery(recogniser, medications=[tiny_catalogue()[i] for i in kept], out=tmp_path / "some", name="some",
                  references=[tiny_references()[2 * i + side] for i in kept for side in (0, 1)], now=NOW)  # fmt: skip
    some = Predictor(recogniser, Gallery.load(tmp_path / "some", recogniser=recogniser))
    whole = Predictor.from_bundle(bundle)
    sides = whole.observe([photo(1)]).pills[0].sides
    asked = {"members": ("fast", "accurate"), "metadata": PillMetadata(imprint="A2 TEST", color="red", size_mm=9)}
    few, all_cues = some.collect(sides, **asked).cues, whole.collect(sides, **asked).cues
    for name in all_cues:
        assert few[name] == pytest.approx(all_cues[name][list(kept)], abs=1e-6)


def test_looked_at_turned_by_half_as_well_a_pill_lies_either_way_round(predictor):
    members = {}
    for name, member in predictor.recogniser.members.items():
        preprocess = member.spec.preprocess.model_copy(update={"half_turned": True})
        members[name] = replace(member, spec=member.spec.model_copy(update={"preprocess": preprocess}))
    twice = replace(predictor.recogniser, members=members)
    side = predictor.observe([photo(2)]).pills[0].sides[0]
    crop_SSC = side.crops["fast"]
    round_SSC = np.ascontiguousarray(crop_SSC[::-1, ::-1])
    found = [
        replace(side, crops={"fast": crop}, embeddings={}).embedding(twice, "fast") for crop in (crop_SSC, round_SSC)
    ]
    once_BD = predictor.recogniser.embed("fast", [crop_SSC, round_SSC])
    assert found[0] == pytest.approx(found[1], abs=1e-6)
    assert found[0] == pytest.approx(once_BD.mean(axis=0) / np.linalg.norm(once_BD.mean(axis=0)), abs=1e-6)


def test_a_masked_appearance_has_no_score_and_no_probability(predictor):
    observation = predictor.observe([photo(0)])
    masked = predictor.with_gallery(predictor.gallery.without([predictor.gallery.appearances[0].look_group]))
    posterior = masked.judge(observation.pills[0].sides).posterior
    assert (posterior.score_A[0], posterior.probability_A[0]) == (-np.inf, 0)
    assert len(masked.rank(observation)) == 3


def test_an_empty_gallery_answers_unknown(predictor):
    empty = predictor.with_gallery(predictor.gallery.subset([]))
    pill = empty.identify([photo(0)]).pills[0]
    assert (pill.status, pill.medication, pill.alternatives) == ("unknown", None, ())


def test_the_drug_is_uncertain_where_two_drugs_share_an_appearance(tmp_path):
    twin = tiny_catalogue()[0].model_copy(update={"ndc11": "88888-0001-01", "rxnorm_name": "other 5 MG Oral Tablet"})
    bundle = tiny_bundle(tmp_path)
    recogniser = Recogniser.load(bundle / "recogniser")
    build_gallery(recogniser, medications=[*tiny_catalogue(), twin], references=tiny_references(),
                  out=tmp_path / "twins", name="twins", now=NOW)  # fmt: skip
    twins = Predictor(recogniser, Gallery.load(tmp_path / "twins", recogniser=recogniser))
    pill = twins.identify([photo(0)]).pills[0]
    assert pill.confidence <= 0.5 + 1e-9
    assert pill.uncertainty.total >= 0.5


def test_certain_answers_take_one_member_and_uncertain_ones_both(predictor):
    certain = predictor.judge(predictor.observe([photo(3)]).pills[0].sides,
                              metadata=PillMetadata(imprint="A4 TEST", color="green", shape="oval"))  # fmt: skip
    assert (certain.route, certain.disagreement) == ("fast", 0.0)
    flat = recogniser_spec(patterns={key: pattern_spec(weights={}) for key in recogniser_spec().patterns})
    uncertain = Predictor(
        Recogniser(predictor.recogniser.directory, flat, predictor.recogniser.digest, predictor.recogniser.members),
        predictor.gallery,
    )
    assert uncertain.judge(predictor.observe([photo(3)]).pills[0].sides).route == "ensemble"


@pytest.mark.parametrize(("limit", "said"), [(1e-9, "identified"), (0.0, "uncertain")])
def test_a_limit_of_nought_says_identified_never_however_sure_the_answer(predictor, limit, said):
    sure = pattern_spec(weights=dict.fromkeys(("fast", "accurate", "imprint"), 1.0), temperature=1e-3,
                        identified_uncertainty=limit, unknown_threshold=((1, -99),))  # fmt: skip
    spec = recogniser_spec(patterns=dict.fromkeys(recogniser_spec().patterns, sure))
    certain = Predictor(
        Recogniser(predictor.recogniser.directory, spec, predictor.recogniser.digest, predictor.recogniser.members),
        predictor.gallery,
    )
    pill = certain.identify([photo(3)], metadata=PillMetadata(imprint="A4 TEST")).pills[0]
    assert (pill.uncertainty.total, pill.status) == (0.0, said)


def test_in_a_hurry_the_fast_member_answers_and_abstains_where_both_were_wanted(predictor):
    typed = PillMetadata(imprint="A4 TEST", color="green", shape="oval")
    seen = predictor.observe([photo(3)])
    full, fast = (predictor.answer(seen, metadata=typed, effort=effort) for effort in ("full", "fast"))
    assert (fast.degraded, fast.pills) == (False, full.pills)
    pattern = pattern_spec(weights={}, identified_uncertainty=1.0, unknown_threshold=((1, -99),))
    flat = recogniser_spec(patterns=dict.fromkeys(recogniser_spec().patterns, pattern), unknown_prior=1e-6)
    unsure = Predictor(
        Recogniser(predictor.recogniser.directory, flat, predictor.recogniser.digest, predictor.recogniser.members),
        predictor.gallery,
    )
    (pill,), (whole,) = (unsure.answer(unsure.observe([photo(3)]), effort=e).pills for e in ("fast", "full"))
    assert (whole.status, whole.explanation.route, whole.explanation.degraded) == ("identified", "ensemble", False)
    assert (pill.status, pill.explanation.route, pill.explanation.degraded) == ("uncertain", "fast", True)
    assert pill.reason in pill.explanation.warnings
    assert pill.medication is None


def test_what_looks_hard_is_not_left_to_the_fast_member_alone(predictor):
    spec = recogniser_spec()
    hard = spec.model_copy(update={"router": spec.router.model_copy(update={"bias": 99.0})})
    wary = Predictor(
        Recogniser(predictor.recogniser.directory, hard, predictor.recogniser.digest, predictor.recogniser.members),
        predictor.gallery,
    )
    typed = PillMetadata(imprint="A4 TEST", color="green", shape="oval")
    (pill,) = wary.answer(wary.observe([photo(3)]), metadata=typed, effort="fast").pills
    assert (pill.status, pill.explanation.route, pill.explanation.degraded) == ("uncertain", "fast", True)


def test_one_member_alone_can_answer(bundle):
    recogniser = Recogniser.load(bundle / "recogniser", members=("accurate",))
    alone = Predictor(recogniser, Gallery.load(bundle / "gallery", recogniser=recogniser))
    assert alone.identify([photo(0)]).pills[0].explanation.route == "accurate"


def test_a_picture_without_a_pill_asks_for_a_retake(predictor):
    pill = predictor.identify([jpeg(np.full((200, 200, 3), 128, np.uint8))]).pills[0]
    assert (pill.status, pill.box, pill.medication) == ("retake", None, None)


def test_an_unknown_colour_word_is_refused_by_name(predictor):
    with pytest.raises(InputError, match="bad_metadata"):
        predictor.identify([photo(0)], metadata=PillMetadata(color="mauve"))


def test_three_pictures_are_refused(predictor):
    with pytest.raises(InputError):
        predictor.identify([photo(0)] * 3)


def test_the_catalogue_look_up_finds_by_typed_facts_alone(predictor):
    ranking = predictor.look_up(PillMetadata(imprint="A3"))
    assert ranking[0][0] == predictor.gallery.appearances[2].appearance_id


def test_a_file_changed_by_one_byte_is_refused(tmp_path):
    bundle = tiny_bundle(tmp_path)
    file = bundle / "recogniser" / "fast.onnx"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    with pytest.raises(ContractError, match=r"fast\.onnx was changed"):
        Predictor.from_bundle(bundle)


def test_a_recogniser_of_another_version_is_refused_with_what_to_do(tmp_path):
    bundle = tiny_bundle(tmp_path)
    file = bundle / "recogniser" / "recogniser.json"
    file.write_text(file.read_text().replace('"schema_version": 2', '"schema_version": 1'))
    with pytest.raises(ContractError, match="another version than this program reads; make it anew"):
        Predictor.from_bundle(bundle)


def test_a_gallery_of_another_recogniser_is_refused(bundle, tmp_path):
    other = tiny_bundle(tmp_path, name="another")
    with pytest.raises(ContractError, match="belongs to recogniser"):
        Gallery.load(other / "gallery", recogniser=Recogniser.load(bundle / "recogniser"))


def test_a_reference_picture_of_an_unknown_medication_is_refused(bundle, tmp_path):
    recogniser = Recogniser.load(bundle / "recogniser")
    with pytest.raises(ContractError, match="catalogue does not hold"):
        build_gallery(recogniser, medications=[medication(77)], references=tiny_references(), out=tmp_path / "g",
                      name="g", now=NOW)  # fmt: skip
