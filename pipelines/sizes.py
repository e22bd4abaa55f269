"""What `benchmark --gallery-sizes` writes: figures, table and picture of promises over the gallery's size."""

import json
from pathlib import Path

from rich.console import Console

from bentos.runtime.predictor import Predictor
from monitoring.gallery_sizes import by_gallery_size, seen_photographs, sizes_png, sizes_table
from monitoring.records import Question
from pipelines.showing import one_bar

FIGURES_FILE, TABLE_FILE, PICTURE_FILE = "gallery_sizes.json", "gallery_sizes.md", "gallery_sizes.png"
_QUESTIONS: tuple[Question, ...] = ("picture", "picture_and_imprint", "picture_and_partial_imprint")


def measure_sizes(bundle: Path, photos: Path, *, out: Path, seed: int, console: Console) -> None:
    """Ask every question of random parts of the bundle's gallery; writes three files into `out`.

    Raises:
        BenchmarkError: `labels.csv` is missing or malformed.
        ContractError: the bundle is damaged.
    """
    predictor = Predictor.from_bundle(bundle)
    with one_bar("observing", console=console) as on_progress:
        seen = seen_photographs(predictor, photos, on_progress=on_progress)
    found = []
    for question in _QUESTIONS:
        with one_bar(question.replace("_", " "), console=console) as on_progress:
            found.append(by_gallery_size(predictor, seen, question=question, seed=seed, on_progress=on_progress))
    out.mkdir(parents=True, exist_ok=True)
    (out / FIGURES_FILE).write_text(json.dumps(found, indent=1) + "\n")
    tables = [f"### {figures['question'].replace('_', ' ')}\n\n{sizes_table(figures)}" for figures in found]
    (out / TABLE_FILE).write_text("\n".join(tables))
    (out / PICTURE_FILE).write_bytes(sizes_png(found))
