"""The command `benchmark` on labelled photographs: figures, records, and what else is asked for."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from bentos.runtime.predictor import Predictor
from monitoring.ablation import ablate
from monitoring.benchmark import benchmark
from monitoring.deletion import check_by_deletion
from monitoring.gallery_sizes import seen_photographs
from monitoring.records import read_records
from pipelines.accuracy import write_page
from pipelines.showing import one_bar
from pipelines.sizes import measure_sizes
from pipelines.worst_cases import refuse_tracked, write_page_of_worst


@dataclass(frozen=True)
class Wanted:
    """Where the figures go, and what else is measured; None where it is not wanted."""

    json_out: Path
    records: Path | None = None
    page: Path | None = None
    sizes: Path | None = None
    ablations: bool = False
    beside: Path | None = None
    against: Mapping[str, str] = field(default_factory=dict)
    deletion: int = 0
    worst_cases: Path | None = None


def measure(bundle: Path, photos: Path, *, wanted: Wanted, seed: int, console: Console) -> dict[str, Any]:
    """Measure a bundle and write what is wanted.

    Raises:
        BenchmarkError: `labels.csv` is missing or malformed, or no photograph shows a pill of the gallery.
        CommandFault: the page of worst cases would lie in a repository.
        ContractError: the bundle is damaged.
    """
    if wanted.worst_cases is not None:
        refuse_tracked(wanted.worst_cases)
    records = wanted.records or (wanted.json_out.with_suffix(".jsonl") if wanted.worst_cases else None)
    with one_bar("photographs", console=console) as on_progress:
        figures = benchmark(bundle, photos, seed=seed, records=records, on_progress=on_progress)
    if wanted.worst_cases is not None and records is not None:
        write_page_of_worst(bundle, photos, read_records(records), out=wanted.worst_cases)
    if wanted.ablations or wanted.sizes is not None:
        _measure_again(bundle, photos, figures, wanted=wanted, seed=seed, console=console)
    if wanted.deletion:
        with one_bar("heat maps", console=console) as on_progress:
            figures["deletion"] = check_by_deletion(bundle, photos, num=wanted.deletion, seed=seed,
                                                    on_progress=on_progress)  # fmt: skip
    wanted.json_out.write_text(json.dumps(figures, indent=1) + "\n")
    if wanted.page is not None:
        against = {name: json.loads(Path(file).read_text()) for name, file in wanted.against.items()}
        write_page(wanted.page, figures=figures, bundle=bundle, simulated=wanted.beside, sizes=wanted.sizes,
                   against=against)  # fmt: skip
    return figures


def _measure_again(
    bundle: Path, photos: Path, figures: dict[str, Any], *, wanted: Wanted, seed: int, console: Console
) -> None:
    """Ablations and gallery sizes, on photographs that are observed once for both."""
    predictor = Predictor.from_bundle(bundle)
    with one_bar("observing", console=console) as on_progress:
        seen = seen_photographs(predictor, photos, on_progress=on_progress)
    if wanted.ablations:
        with one_bar("ablations", console=console) as on_progress:
            figures["ablations"] = ablate(predictor, seen, seed=seed, on_progress=on_progress)
    if wanted.sizes is not None:
        measure_sizes(predictor, seen, out=wanted.sizes, seed=seed, console=console)
