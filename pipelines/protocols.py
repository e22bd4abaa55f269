"""The command `benchmark --protocol epillid`: figures into a file, and as a table."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from monitoring.epillid import ProtocolError, benchmark_epillid
from pipelines.showing import CommandFault, in_one_sentence, one_bar

_KINDS = ("two_sides", "one_side")
_FIGURES = {"gap": "GAP", "gap_at_1": "GAP@1", "map": "MAP", "map_at_1": "MAP@1"}


def measure_epillid(bundle: Path, directory: Path, *, json_out: Path, seed: int, console: Console) -> Table:
    """Ask a bundle's recogniser the ePillID benchmark's queries.

    Raises:
        CommandFault: the directory cannot be asked.
        ContractError: the bundle is damaged.
    """
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with in_one_sentence(), one_bar("queries", console=console) as on_progress:
        try:
            figures = benchmark_epillid(bundle, directory, now=now, seed=seed, on_progress=on_progress)
        except ProtocolError as error:
            raise CommandFault(str(error)) from error
    json_out.write_text(json.dumps(figures, indent=1) + "\n")
    return protocol_table(figures)


def protocol_table(figures: Mapping[str, Any]) -> Table:
    """One row for each kind of query and each way to rank."""
    table = Table("queries", "ranked by", *_FIGURES.values(), title=f"ePillID protocol, {figures['num_pill_types']} "
                  "pill types", title_justify="left")  # fmt: skip
    for row in _rows(figures):
        table.add_row(*row)
    return table


def _rows(figures: Mapping[str, Any]) -> Iterator[list[str]]:
    for kind in _KINDS:
        asked = figures[kind]
        for name in (key for key in asked if key != "num_queries"):
            yield [f"{asked['num_queries']} of {kind.replace('_', ' ')}", name,
                   *(f"{asked[name][key]['value']:.3f}" for key in _FIGURES)]  # fmt: skip
