"""The page of a benchmark, with what it was measured with."""

import json
import os
import shlex
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assets.assembly import source_commit
from bentos.runtime.contract import read_recogniser_spec
from monitoring.accuracy import Beside, Provenance, accuracy_page
from pipelines.sizes import PICTURE_FILE, TABLE_FILE
from training.committed import WEIGHTS

_ENROL = (
    "rxvision enrol --catalogue ../shared/rximage/catalogue.csv --images ../shared/rximage/images "
    "--bundle training/weights/pretrained --out {bundle}"
)
_SIMULATED = (
    "python -m training.pretrain photographs --rximage ../shared/rximage --out var/simulated",
    "rxvision benchmark --bundle {bundle} --photos var/simulated --json {figures} --deletion 200",
)


def write_page(
    path: Path,
    *,
    figures: Mapping[str, Any],
    bundle: Path,
    simulated: Path | None,
    sizes: Path | None,
    against: Mapping[str, Any],
) -> None:
    """Write the benchmark's figures as a Markdown page, with what was measured beside it."""
    spec = read_recogniser_spec(bundle / "recogniser")
    facts = {
        "profile": spec.profile,
        "members": ", ".join(f"{member.name} {member.architecture}" for member in spec.members),
        "calibration domain": spec.calibration_domain,
        **spec.training_facts,
    }
    simulating = [line.format(bundle=bundle, figures=simulated) for line in _SIMULATED if simulated]
    provenance = Provenance(
        commit=source_commit(),
        measured_on=datetime.now(UTC).date().isoformat(),
        commands=[_ENROL.format(bundle=bundle), *simulating, shlex.join(["rxvision", *sys.argv[1:]])],
        facts=facts,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(accuracy_page(figures, provenance=provenance,
                                 beside=_beside(path, simulated, sizes, against)))  # fmt: skip


def _beside(page: Path, simulated: Path | None, sizes: Path | None, against: Mapping[str, Any]) -> Beside:
    """The other figures that a page shows; pictures are linked from where the page lies."""
    return Beside(
        simulated=json.loads(simulated.read_text()) if simulated else None,
        sizes=(sizes / TABLE_FILE).read_text() if sizes else "",
        sizes_picture=os.path.relpath(sizes / PICTURE_FILE, page.parent) if sizes else "",
        curves={name: _curve(WEIGHTS / f"demo_{name}_curve.jsonl") for name in ("fast", "accurate")},
        against=against,
    )


def _curve(file: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []
