"""What a truthful reply is worth: answers that are not identified, asked again."""

import pytest

from bentos.runtime.answer import PillMetadata
from bentos.runtime.predictor import Predictor
from monitoring.ask import ask
from monitoring.follow import MAX_QUESTIONS, Talk, replies_of, reply_figures, reply_rows
from monitoring.levels import Levels
from monitoring.records import Replied, Reply
from tests.builders import jpeg, pattern_spec, recogniser_spec, tiny_bundle, tiny_catalogue, tiny_picture
from tests.monitoring.making import record

STRICT = {"identified_uncertainty": 1e-5, "temperature": 4.0}


@pytest.fixture(scope="module")
def strict(tmp_path_factory) -> Predictor:
    """A predictor that hardly ever says `identified`."""
    patterns = {key: pattern_spec(**STRICT) for key in recogniser_spec().patterns}
    return Predictor.from_bundle(tiny_bundle(tmp_path_factory.mktemp("bundle"), patterns=patterns))


def talk_about(predictor: Predictor, number: int, *, home, back: bool = False) -> Talk:
    item = tiny_catalogue()[number]
    photo, other = home / "front.jpg", home / "back.jpg"
    photo.write_bytes(jpeg(tiny_picture(item)))
    other.write_bytes(jpeg(tiny_picture(item, side="back")))
    levels = Levels(predictor.gallery.appearances, medications=predictor.gallery.medications)
    observation = predictor.observe([photo.read_bytes()])
    return Talk(predictor, levels, levels.truth_of_ndc(item.ndc11), photo, observation, other if back else None, 0)


@pytest.mark.parametrize(
    ("question", "said"),
    [("imprint", None), ("size_mm", 10.0), ("color", "RED"), ("shape", "ROUND")],
)
def test_a_reply_is_what_stands_in_the_catalogue(strict, tmp_path, question, said):
    told = talk_about(strict, 1, home=tmp_path).replied(question)
    replied = getattr(told.said, question)
    assert set(replied.split()) == {"A2", "TEST"} if said is None else replied == said


def test_the_other_side_is_replied_with_a_photograph_where_there_is_one(strict, tmp_path):
    assert talk_about(strict, 1, home=tmp_path).replied("other_side") is None
    told = talk_about(strict, 1, home=tmp_path, back=True).replied("other_side")
    assert told.observation.num_pictures == 2
    assert told.replied("other_side") is None


@pytest.mark.parametrize("question", ["retake", "pharmacist"])
def test_what_cannot_be_replied_to_is_not(strict, tmp_path, question):
    assert talk_about(strict, 1, home=tmp_path).replied(question) is None


def test_replies_are_tried_alone_and_in_turn(strict, tmp_path):
    talk = talk_about(strict, 2, home=tmp_path, back=True)
    before = talk.answer()
    found = replies_of(talk, before)
    assert set(found.alone) == {"imprint", "other_side", "size_mm", "color", "shape"}
    assert found.asks == before.asks == found.in_turn[0]
    assert 1 <= len(found.in_turn) <= MAX_QUESTIONS
    assert len(set(found.in_turn)) == len(found.in_turn)


def test_an_identified_answer_asks_for_nothing(tmp_path):
    talk = talk_about(Predictor.from_bundle(tiny_bundle(tmp_path)), 3, home=tmp_path)
    said = PillMetadata(imprint="A4 TEST", color="green")
    asked, _ = ask(talk.predictor, talk.observation, metadata=said, truth=talk.truth, levels=talk.levels, photo="x")
    assert asked.status == "identified"
    assert replies_of(talk, asked) is None


def reply(*, size: int, right: bool, status: str = "uncertain") -> Reply:
    return Reply(status=status, top1=float(right), set_size=size, correct=right)


def test_figures_tell_what_was_asked_from_what_might_have_been():
    typed, measured = reply(size=1, right=True, status="identified"), reply(size=4, right=False)
    told = Replied(before=reply(size=8, right=False), asks="imprint", alone={"imprint": typed, "size_mm": measured},
                   in_turn=("imprint",), after=typed)  # fmt: skip
    records = [record(i, replied=told) for i in range(6)] + [record(9)]
    found = reply_figures(records, seed=0)
    assert (found["num"], found["num_asked"], found["num_questions"]) == (6, {"imprint": 6}, 6)
    assert set(found["asked"]) == {"imprint"}
    assert found["asked"]["imprint"]["set_before"]["value"] == 8
    assert found["asked"]["imprint"]["set_after"]["value"] == 1
    assert found["asked"]["imprint"]["right_when_identified"]["value"] == 1
    assert found["everywhere"]["size_mm"]["set_after"]["value"] == 4
    assert found["everywhere"]["size_mm"]["right_when_identified"]["value"] is None
    assert [words for words, _, _ in reply_rows(found)] == [
        "asked: type the imprint", "had it been asked: type the imprint", "had it been asked: measure the size",
        "as asked, up to 3 questions"]  # fmt: skip


def test_where_all_is_identified_there_is_nothing_to_report():
    found = reply_figures([record(1)], seed=0)
    assert found["num"] == 0
    assert list(reply_rows(found)) == []
