"""What a person reads in the terminal beside status and candidates."""

import io

from rich.console import Console

from bentos.runtime.answer import Seen
from bentos.runtime.predictor import Predictor
from bentos.show import render_answer
from tests.builders import jpeg, tiny_bundle, tiny_catalogue, tiny_picture


def test_what_is_seen_is_shown_with_its_probabilities(tmp_path) -> None:
    answer = Predictor.from_bundle(tiny_bundle(tmp_path)).identify([jpeg(tiny_picture(tiny_catalogue()[0]))])
    seen = Seen(colors={"WHITE": 0.9, "BLUE": 0.3}, shapes={"ROUND": 0.99}, scored=0.25, printed=0.1)
    pill = answer.pills[0].model_copy(update={"seen": seen})
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(render_answer(answer.model_copy(update={"pills": (pill,)})))
    assert "white 90%, blue 30%; round 99%; scored 25%; printed 10%" in console.export_text()
    console.print(render_answer(answer))
    assert "scored" not in console.export_text()
