"""Puts a pre-training's weights among the committed ones: the file, its record and the model card's table."""

import json
import shutil
from pathlib import Path

from training.backbones import load_encoder
from training.committed import read_index, record
from training.pretrain.config import PretrainConfig
from training.pretrain.loop import CURVE_FILE, WEIGHTS_FILE
from training.pretrain.pack import SidePack
from training.pretrained import network_of

CARD_FILE = "README.md"
_MEASURED = ("held_out_drug_top1", "held_out_drug_top5", "trained_drug_top1", "trained_drug_top5")
_TABLE_FROM, _TABLE_TO = "<!-- weights -->", "<!-- end of weights -->"


def publish(
    run: Path, config: PretrainConfig, pack: SidePack, *, commit: str, hours_before: float, weights: Path
) -> str:
    """Copy weights and learning curve of `run` into `weights`, renew its record and its card's table; the file's name.

    `hours_before` were spent on the weights that the run started from.

    Raises:
        WeightsError: the run's file is damaged.
    """
    encoder, recipe = load_encoder(run / WEIGHTS_FILE)
    curve = [json.loads(line) for line in (run / CURVE_FILE).read_text().splitlines()]
    name = f"{config.profile}_{config.member}.safetensors"
    weights.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(run / WEIGHTS_FILE, weights / name)
    shutil.copyfile(run / CURVE_FILE, weights / f"{config.profile}_{config.member}_{CURVE_FILE}")
    facts = {"commit": commit} | _facts(config, pack, curve, hours_before=hours_before)
    dim = encoder.neck.out_features
    record(name, weights=weights, embedding_dim=dim, network=network_of(recipe), facts=facts)
    _write_card(weights)
    return name


def _facts(
    config: PretrainConfig, pack: SidePack, curve: list[dict[str, float]], *, hours_before: float
) -> dict[str, str | int | float]:
    measured = next((line for line in reversed(curve) if _MEASURED[0] in line), {})
    return {
        "pack_sha256": pack.fingerprint,
        "sides_trained_on": len(pack.trainable()),
        "sides_held_out": len(pack) - len(pack.trainable()),
        "seed": config.seed,
        "epochs": f"{curve[-1]['epoch']} of {config.epochs}",
        "hours_on_one_shared_core": round(hours_before + sum(line["seconds"] for line in curve) / 3600, 2),
        "queries": config.num_queries,
    } | {name: measured[name] for name in _MEASURED if name in measured}


def _write_card(weights: Path) -> None:
    """Renew the table between the card's marks; the prose around it is written by hand."""
    card = weights / CARD_FILE
    records = {file: entry for file, entry in read_index(weights).items() if "network" in entry}
    text = card.read_text() if card.is_file() else f"{_TABLE_FROM}\n{_TABLE_TO}\n"
    before, _, rest = text.partition(_TABLE_FROM)
    after = rest.partition(_TABLE_TO)[2]
    card.write_text(f"{before}{_TABLE_FROM}\n\n{_table(records)}\n\n{_TABLE_TO}{after}")


def _table(records: dict[str, dict]) -> str:
    names = list(dict.fromkeys(name for entry in records.values() for name in entry["facts"]))
    rows = [["", *(f"`{file}`" for file in records)], ["---"] * (len(records) + 1)]
    rows.append(["SHA-256", *(f"`{entry['sha256']}`" for entry in records.values())])
    networks = (entry["network"] for entry in records.values())
    rows.append(["network", *(f"{network['architecture']}, {network['size_px']} px" for network in networks)])
    rows += [[name.replace("_", " "), *(_cell(e["facts"].get(name)) for e in records.values())] for name in names]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def _cell(value: str | float | None) -> str:
    if value is None:
        return ""
    return value[:16] if isinstance(value, str) else f"{value:g}"
