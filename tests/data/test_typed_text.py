"""How people are taken to type an imprint."""

import numpy as np
import pytest

from bentos.runtime.medication import fold_imprint
from bentos.runtime.typing_channel import confusion_class
from data.typed_text import type_all_tokens, type_partial


def test_all_tokens_are_typed_once_in_some_order():
    typed = {type_all_tokens(["TEVA", "3147", "mg"], rng=np.random.default_rng(seed)) for seed in range(20)}
    assert len(typed) > 1
    assert {tuple(sorted(text.split())) for text in typed} == {("3147", "TEVA", "mg")}


@pytest.mark.parametrize("typing", [type_all_tokens, type_partial])
def test_a_blank_pill_leaves_nothing_to_type(typing):
    assert typing([], rng=np.random.default_rng(0)) is None


def test_the_misread_token_differs_by_one_look_alike_character():
    for seed in range(50):
        typed = type_partial(["L", "484", "xyk"], rng=np.random.default_rng(seed))
        (near,) = [t for t in ("L", "484") if confusion_class(fold_imprint(t)) == confusion_class(fold_imprint(typed))]
        assert sum(a != b for a, b in zip(near, typed, strict=True)) == 1


def test_a_token_without_look_alikes_is_typed_as_it_is():
    assert type_partial(["AKX"], rng=np.random.default_rng(0)) == "AKX"
