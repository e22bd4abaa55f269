"""Lets timm be imported beside a torch build that has no compiled torchvision operators (the CPU wheels)."""

import importlib.util
import sys
from pathlib import Path
from typing import Literal

_OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_alive: list[object] = []


def ensure_torchvision() -> Literal["already", "absent", "native", "declared"]:
    """Make `import torchvision` work; call it before the first import of timm.

    torchvision registers fake kernels for `nms` at import and dies where its library is missing. Declaring
    the operators is enough: nothing here calls them, and calling them still raises a clear error.
    """
    import torch

    if "torchvision" in sys.modules or _alive:
        return "already"
    spec = importlib.util.find_spec("torchvision")
    if spec is None:
        return "absent"
    try:
        torch.ops.load_library(str(Path(spec.submodule_search_locations[0]) / "_C.so"))
    except OSError:
        library = torch.library.Library("torchvision", "FRAGMENT")
        for operator in _OPERATORS:
            library.define(operator)
        _alive.append(library)
        return "declared"
    return "native"
