"""What is said of attributes is judged by the catalogue, and of what the catalogue does not know nothing is said."""

import pytest

from bentos.runtime.answer import Seen
from bentos.runtime.medication import derive_appearances
from monitoring.evaluate import evaluate
from monitoring.said import said_figures, said_of
from tests.builders import medication
from tests.monitoring.conftest import Scene

SEEN = Seen(colors={"BLUE": 0.7, "WHITE": 0.6}, shapes={"OVAL": 0.9}, scored=0.2, printed=0.75)


@pytest.mark.parametrize(
    ("facts", "right"),
    [
        ({"colors": ("WHITE", "BLUE"), "shape": "OVAL", "imprint_type": "PRINTED"}, (True, True, True, True)),
        ({"colors": ("WHITE",), "shape": "ROUND", "score": 2, "imprint_type": "DEBOSSED"}, (False,) * 4),
        ({"colors": ("BLUE",), "imprint_type": None}, (True, False, True)),
    ],
)
def test_the_likelier_value_is_right_where_the_catalogue_says_so(facts: dict, right: tuple[bool, ...]) -> None:
    (appearance,) = derive_appearances([medication(1, **facts)])
    said = said_of(SEEN, appearance=appearance)
    assert tuple(item.right for item in said.values()) == right
    assert [item.probability for item in said.values()] == pytest.approx([0.7, 0.9, 0.8, 0.75][: len(right)])


def test_an_evaluation_without_attribute_maps_says_nothing_of_attributes(scene: Scene) -> None:
    found = evaluate(scene.predictor, scene.rows.head(2), home=scene.home, appearance_roles=scene.roles,
                     on_progress=lambda done, total: None)  # fmt: skip
    assert found.metrics["attributes"] == {}
    (appearance,) = derive_appearances([medication(1, shape="OVAL", colors=("BLUE",))])
    said = said_of(SEEN, appearance=appearance)
    figures = said_figures([record.model_copy(update={"said": said}) for record in found.records], seed=0)
    assert figures["shape"]["right"]["value"] == 1.0
    assert figures["shape"]["ece"]["value"] == pytest.approx(0.1)
    assert figures["printed"]["right"]["value"] == 0.0
