"""The mean of two cycles' weights: where one began with the other, it ranks better than either.

Izmailov et al., "Averaging Weights Leads to Wider Optima" (UAI 2018); Wortsman et al., "Model Soups" (ICML 2022).
"""

import json
import shutil
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file, save_file

from training.backbones import WeightsError, load_encoder
from training.pretrain.config import PretrainConfig
from training.pretrain.loop import CURVE_FILE, WEIGHTS_FILE
from training.pretrain.pack import SidePack
from training.pretrain.retrieval import measure
from training.pretrain.sides import Sides


def average(run: Path, config: PretrainConfig, pack: SidePack, *, began_with: Path, out: Path) -> dict[str, float]:
    """Write a run directory `out` with the mean of `run`'s weights and those it began with; its measured figures.

    The learning curve is the run's, its last line measured anew.

    Raises:
        WeightsError: the two files are not of one network.
    """
    later, earlier = load_file(run / WEIGHTS_FILE), load_file(began_with)
    if {name: one.shape for name, one in later.items()} != {name: one.shape for name, one in earlier.items()}:
        raise WeightsError(f"{began_with} is of another network than {run / WEIGHTS_FILE}")
    mean = {name: ((one.float() + earlier[name].float()) / 2).to(one.dtype) if one.is_floating_point() else one
            for name, one in later.items()}  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    with safe_open(run / WEIGHTS_FILE, "pt") as file:
        save_file(mean, out / WEIGHTS_FILE, metadata=file.metadata())
    encoder, _ = load_encoder(out / WEIGHTS_FILE)
    figures = measure(encoder, pack, Sides(pack, config), config, device="cpu", all_turns=True)
    curve = [json.loads(line) for line in (run / CURVE_FILE).read_text().splitlines()]
    curve[-1] |= figures
    (out / CURVE_FILE).write_text("".join(json.dumps(line) + "\n" for line in curve))
    shutil.copyfile(run / "config.json", out / "config.json")
    return figures
