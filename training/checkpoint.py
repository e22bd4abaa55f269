"""The state of a training on disk: written atomically, read without pickle, refused where it is another training's."""

import logging
import pickle
from pathlib import Path

import torch

CHECKPOINT_FILE = "checkpoint.pt"
_log = logging.getLogger(__name__)


def save_checkpoint(
    directory: Path, *, fingerprint: str, modules: dict[str, torch.nn.Module | torch.optim.Optimizer], progress: dict
) -> None:
    """Write the state of `modules` and the numbers of `progress`; a kill leaves the last whole checkpoint."""
    directory.mkdir(parents=True, exist_ok=True)
    draft = directory / (CHECKPOINT_FILE + ".part")
    state = {name: module.state_dict() for name, module in modules.items()}
    torch.save({"fingerprint": fingerprint, "progress": progress, "state": state}, draft)
    draft.replace(directory / CHECKPOINT_FILE)


def load_checkpoint(
    directory: Path, *, fingerprint: str, modules: dict[str, torch.nn.Module | torch.optim.Optimizer]
) -> dict | None:
    """Restore `modules` and return `progress`; None where there is no checkpoint of this very training."""
    path = directory / CHECKPOINT_FILE
    if not path.is_file():
        return None
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        _log.warning("%s cannot be read (%s): training starts anew", path, error)
        return None
    if saved["fingerprint"] != fingerprint:
        _log.warning("%s belongs to another training (configuration or data changed): starting anew", path)
        return None
    for name, module in modules.items():
        module.load_state_dict(saved["state"][name])
    return saved["progress"]
