"""What `benchmark --gallery-sizes` writes: figures, table and picture of promises over the gallery's size."""

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from bentos.runtime.predictor import Predictor
from monitoring.gallery_sizes import Seen, by_gallery_size, sizes_png, sizes_table
from monitoring.records import Question
from pipelines.showing import one_bar

FIGURES_FILE, TABLE_FILE, PICTURE_FILE = "gallery_sizes.json", "gallery_sizes.md", "gallery_sizes.png"
_QUESTIONS: tuple[Question, ...] = ("picture", "picture_and_imprint", "picture_and_partial_imprint")


def measure_sizes(predictor: Predictor, seen: Sequence[Seen], *, out: Path, seed: int, console: Console) -> None:
    """Ask every question of random parts of the predictor's gallery; writes three files into `out`."""
    found = []
    for question in _QUESTIONS:
        with one_bar(question.replace("_", " "), console=console) as on_progress:
            found.append(by_gallery_size(predictor, seen, question=question, seed=seed, on_progress=on_progress))
    out.mkdir(parents=True, exist_ok=True)
    (out / FIGURES_FILE).write_text(json.dumps(found, indent=1) + "\n")
    tables = [f"### {figures['question'].replace('_', ' ')}\n\n{sizes_table(figures)}" for figures in found]
    (out / TABLE_FILE).write_text("\n".join(tables))
    (out / PICTURE_FILE).write_bytes(sizes_png(found))
