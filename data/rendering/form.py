"""What kind of dosage form a medication is made as, and the proportions and finish that go with it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bentos.runtime.medication import Medication
from data.rendering.stable import look_rng

Kind = Literal["hard_capsule", "softgel", "coated", "uncoated"]

_WIDTH_OVER_LENGTH = {
    "CAPSULE": (0.37, 0.44),
    "OVAL": (0.45, 0.6),
    "BULLET": (0.5, 0.65),
    "DIAMOND": (0.72, 0.86),
    "DOUBLE CIRCLE": (0.52, 0.56),
    "RECTANGLE": (0.5, 0.66),
    "SEMI-CIRCLE": (0.52, 0.6),
    "TEAR": (0.66, 0.78),
    "TRAPEZOID": (0.5, 0.6),
    "FREEFORM": (0.7, 0.85),
    "TRIANGLE": (0.9, 0.96),
    "PENTAGON (5 sided)": (0.94, 0.98),
    "HEPTAGON (7 sided)": (0.96, 1.0),
    "HEXAGON (6 sided)": (0.86, 0.9),
}


@dataclass(frozen=True)
class Form:
    """Proportions are shares of the pill's length; gloss 0 (chalk) to 1 (gelatine)."""

    kind: Kind
    width: float
    crown: float
    bevel_width: float
    bevel_height: float
    wall: float
    gloss: float
    grain: float
    speckle: float
    mottle: float
    clear: float
    imprint_depth: float
    joint: float


def form_of(medication: Medication) -> Form:
    """The same for every medication of one appearance."""
    rng = look_rng(medication, "form")
    kind = _kind(medication, rng)
    low, high = _WIDTH_OVER_LENGTH.get(medication.shape, (1.0, 1.0))
    if kind == "hard_capsule":
        low, high = 0.34, 0.4
    flat = kind == "uncoated" and rng.random() < 0.4
    is_gelatine = kind in ("hard_capsule", "softgel")
    return Form(
        kind=kind,
        width=rng.uniform(low, high),
        crown=rng.uniform(0.008, 0.02) if flat else rng.uniform(0.065, 0.16),
        bevel_width=rng.uniform(0.045, 0.08) if flat else rng.uniform(0.035, 0.085),
        bevel_height=rng.uniform(0.025, 0.05) if flat else rng.uniform(0.02, 0.05),
        wall=0.0 if is_gelatine else rng.uniform(0.1, 0.24),
        gloss=_gloss(kind, rng),
        grain=_grain(kind, rng),
        speckle=rng.uniform(0.2, 0.5) if kind == "uncoated" and rng.random() < 0.35 else 0.0,
        mottle=0.0 if is_gelatine else rng.uniform(0.004, 0.03),
        clear=_clear(kind, medication, rng),
        imprint_depth=rng.uniform(0.7, 1.25),
        joint=rng.uniform(-0.12, 0.02),
    )


def _kind(medication: Medication, rng: np.random.Generator) -> Kind:
    words = (medication.dosage_form or medication.rxnorm_name or "").casefold()
    if "liquid filled" in words or "softgel" in words:
        return "softgel"
    says_tablet = "tablet" in words
    if medication.shape == "CAPSULE" and not says_tablet and medication.imprint_type != "DEBOSSED":
        return "hard_capsule"
    if "capsule" in words and not says_tablet and len(medication.colors) == 1 and medication.shape != "CAPSULE":
        return "softgel"
    coated = "release" in words or medication.imprint_type == "PRINTED" or medication.size_mm >= 10
    likely = 0.85 if coated else 0.6 if medication.colors[0] != "WHITE" else 0.35
    return "coated" if rng.random() < likely else "uncoated"


def _gloss(kind: Kind, rng: np.random.Generator) -> float:
    ranges = {"hard_capsule": (0.55, 1.0), "softgel": (0.8, 1.0), "coated": (0.08, 0.4), "uncoated": (0.0, 0.06)}
    low, high = ranges[kind]
    return rng.uniform(low, high)


def _clear(kind: Kind, medication: Medication, rng: np.random.Generator) -> float:
    """How far light passes through: gelatine, unless it is made white by a pigment."""
    if kind == "softgel":
        return rng.uniform(0.7, 1.0)
    return rng.uniform(0.0, 0.45) if kind == "hard_capsule" and "WHITE" not in medication.colors else 0.0


def _grain(kind: Kind, rng: np.random.Generator) -> float:
    low, high = {"hard_capsule": (0, 0.04), "softgel": (0, 0.02), "coated": (0.1, 0.7), "uncoated": (0.3, 1.0)}[kind]
    return rng.uniform(low, high)
