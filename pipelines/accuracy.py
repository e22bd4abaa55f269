"""The page of a benchmark, with what it was measured with."""

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from assets.assembly import source_commit
from bentos.runtime.contract import read_recogniser_spec
from monitoring.accuracy import Provenance, accuracy_page

_ENROL = "rxvision enrol --catalogue ../shared/rximage/catalogue.csv --images ../shared/rximage/images --out {bundle}"


def write_page(path: Path, *, figures: Mapping[str, Any], bundle: Path) -> None:
    """Write the benchmark's figures as a Markdown page."""
    spec = read_recogniser_spec(bundle / "recogniser")
    facts = {
        "profile": spec.profile,
        "members": ", ".join(f"{member.name} {member.architecture}" for member in spec.members),
        "calibration domain": spec.calibration_domain,
        **spec.training_facts,
    }
    provenance = Provenance(
        commit=source_commit(),
        measured_on=datetime.now(UTC).date().isoformat(),
        commands=["make run ONCE=1", _ENROL.format(bundle=bundle), " ".join(["rxvision", *sys.argv[1:]])],
        facts=facts,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(accuracy_page(figures, provenance=provenance))
