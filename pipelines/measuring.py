"""The command `benchmark` on labelled photographs: figures, records, and what else is asked for."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from monitoring.benchmark import benchmark
from monitoring.deletion import check_by_deletion
from pipelines.accuracy import measure_ablations, write_page
from pipelines.showing import one_bar
from pipelines.sizes import measure_sizes


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


def measure(bundle: Path, photos: Path, *, wanted: Wanted, seed: int, console: Console) -> dict[str, Any]:
    """Measure a bundle and write what is wanted.

    Raises:
        BenchmarkError: `labels.csv` is missing or malformed, or no photograph shows a pill of the gallery.
        ContractError: the bundle is damaged.
    """
    with one_bar("photographs", console=console) as on_progress:
        figures = benchmark(bundle, photos, seed=seed, records=wanted.records, on_progress=on_progress)
    if wanted.ablations:
        figures["ablations"] = measure_ablations(bundle, photos, seed=seed)
    if wanted.deletion:
        with one_bar("heat maps", console=console) as on_progress:
            figures["deletion"] = check_by_deletion(bundle, photos, num=wanted.deletion, seed=seed,
                                                    on_progress=on_progress)  # fmt: skip
    wanted.json_out.write_text(json.dumps(figures, indent=1) + "\n")
    if wanted.sizes is not None:
        measure_sizes(bundle, photos, out=wanted.sizes, seed=seed, console=console)
    if wanted.page is not None:
        against = {name: json.loads(Path(file).read_text()) for name, file in wanted.against.items()}
        write_page(wanted.page, figures=figures, bundle=bundle, simulated=wanted.beside, sizes=wanted.sizes,
                   against=against)  # fmt: skip
    return figures
