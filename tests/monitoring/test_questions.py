"""What is typed beside a photograph is what a person would type, and depends on nothing but seed and photograph."""

import pytest

from bentos.runtime.medication import fold_imprint
from bentos.runtime.typing_channel import confusion_class
from monitoring.questions import metadata_for

TOKENS = ("TEVA", "3109", "5", "0")


def _partial(tokens: tuple[str, ...], *, photo: str) -> str:
    return metadata_for("picture_and_partial_imprint", tokens=tokens, photo=photo, seed=0).imprint


def test_the_full_imprint_holds_every_token_in_some_order() -> None:
    texts = {metadata_for("picture_and_imprint", tokens=TOKENS, photo=f"p{i}", seed=0).imprint for i in range(30)}
    assert all(sorted(text.split()) == sorted(TOKENS) for text in texts)
    assert len(texts) > 5


@pytest.mark.parametrize("photo", [f"photo{i}" for i in range(20)])
def test_the_partial_imprint_is_one_token_with_one_look_alike_exchanged(photo: str) -> None:
    typed = _partial(("A10", "93", "B5"), photo=photo)
    (original,) = [token for token in ("A10", "B5") if len(token) == len(typed)]
    assert sum(a != b for a, b in zip(typed, original, strict=True)) == 1
    assert confusion_class(fold_imprint(typed)) == confusion_class(fold_imprint(original))


def test_a_token_without_confusable_characters_is_typed_as_it_is() -> None:
    assert _partial(("973",), photo="p") == "973"


@pytest.mark.parametrize("question", ["picture_and_imprint", "picture_and_partial_imprint"])
def test_a_blank_pill_has_nothing_to_type(question: str) -> None:
    assert metadata_for(question, tokens=(), photo="p", seed=0).imprint is None


def test_the_picture_question_types_nothing() -> None:
    assert metadata_for("picture", tokens=TOKENS, photo="p", seed=0) is None


def test_another_seed_types_something_else_and_the_same_seed_the_same() -> None:
    typed = [
        [
            metadata_for("picture_and_partial_imprint", tokens=TOKENS, photo=f"p{i}", seed=seed).imprint
            for i in range(20)
        ]
        for seed in (1, 1, 2)
    ]
    assert typed[0] == typed[1]
    assert typed[0] != typed[2]
