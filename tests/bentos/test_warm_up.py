"""After the warm-up nothing is left that is computed once: the first caller waits no longer than the second."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from bentos.bundle import warmed
from bentos.runtime.answer import PillMetadata
from bentos.runtime.errors import ContractError
from bentos.runtime.predictor import Observation, Predictor
from bentos.warm_up import drawn_pill
from tests.builders import jpeg, tiny_catalogue, tiny_picture


@pytest.fixture
def predictor(bundle: Path) -> Predictor:
    return Predictor.from_bundle(bundle)


def computed_once(predictor: Predictor) -> set[str]:
    """Names of everything that the predictor's parts hold, so that a value computed later shows."""
    index = predictor.gallery.index
    parts = (predictor, predictor._scorer, predictor._neighbourhood, predictor.gallery, index, index.imprints)
    return {f"{type(part).__name__}.{name}" for part in parts for name in vars(part)}


def test_the_drawn_pill_is_found_by_every_step_before_the_networks(predictor: Predictor) -> None:
    observation = predictor.observe([drawn_pill()])
    assert len(observation.pills) == 1


def test_real_answers_compute_nothing_once_after_the_warm_up(predictor: Predictor) -> None:
    warm = computed_once(warmed(predictor))
    photo = jpeg(tiny_picture(tiny_catalogue()[1]))
    for typed in (None, PillMetadata(imprint="A2", color="RED", shape="ROUND", size_mm=9)):
        predictor.identify([photo], metadata=typed)
    assert computed_once(predictor) == warm


class Broken(Predictor):
    """Opens, and then cannot answer."""

    def observe(self, pictures: Sequence[bytes]) -> Observation:
        raise ValueError("shapes do not fit")


def test_a_predictor_that_cannot_answer_is_refused(predictor: Predictor) -> None:
    with pytest.raises(ContractError, match="cannot answer: shapes do not fit"):
        warmed(Broken(predictor.recogniser, predictor.gallery))
