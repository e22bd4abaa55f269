"""The lights a pill is photographed under; training and test photographs never share one."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from data.rendering.stable import named_rng

Range = tuple[float, float]


@dataclass(frozen=True)
class LightKind:
    """How a named light falls: height above the table in degrees, width and height of its mirror image on a
    glossy pill, the share of light that comes from everywhere, its colour (red over blue) and green excess."""

    elevation_deg: Range
    image_width: Range
    image_height: Range
    ambient: Range
    warmth: Range
    green: Range
    num_images: int = 1
    edge: float = 0.06


@dataclass(frozen=True)
class Light:
    """One light as it fell in one photograph. Directions are unit vectors: x right, y down, z to the camera."""

    direction: np.ndarray
    color: np.ndarray
    ambient_color: np.ndarray
    ambient: float
    kind: LightKind
    image_size: tuple[float, float]


TRAIN_LIGHTS: Final = MappingProxyType(
    {
        "window": LightKind((28, 60), (0.16, 0.4), (0.2, 0.5), (0.3, 0.5), (0.92, 1.06), (-0.02, 0.02)),
        "overcast": LightKind((55, 85), (0.6, 1.2), (0.6, 1.2), (0.55, 0.75), (0.9, 1.02), (-0.01, 0.02), edge=0.4),
        "bulb": LightKind((35, 70), (0.05, 0.12), (0.05, 0.12), (0.22, 0.42), (1.15, 1.5), (-0.02, 0.02)),
        "tube": LightKind((45, 80), (0.5, 1.1), (0.04, 0.1), (0.4, 0.6), (0.98, 1.15), (0.0, 0.06), num_images=2),
        "flash": LightKind((74, 88), (0.04, 0.09), (0.04, 0.09), (0.2, 0.35), (0.95, 1.05), (-0.01, 0.01)),
        "sun": LightKind((30, 62), (0.04, 0.06), (0.04, 0.06), (0.18, 0.32), (1.0, 1.12), (-0.01, 0.01)),
    }
)
TEST_LIGHTS: Final = MappingProxyType(
    {
        "skylight": LightKind((50, 75), (0.3, 0.6), (0.3, 0.5), (0.42, 0.6), (0.86, 1.0), (-0.01, 0.02)),
        "desk_lamp": LightKind((30, 55), (0.08, 0.18), (0.08, 0.18), (0.25, 0.4), (1.05, 1.35), (-0.02, 0.03)),
        "panel": LightKind((48, 80), (0.3, 0.5), (0.3, 0.5), (0.45, 0.62), (0.95, 1.1), (0.0, 0.05), num_images=2),
        "torch": LightKind((66, 86), (0.05, 0.1), (0.05, 0.1), (0.2, 0.32), (0.9, 1.05), (-0.01, 0.02)),
    }
)
STUDIO: Final = LightKind((60, 74), (0.8, 1.2), (0.3, 0.5), (0.58, 0.66), (0.99, 1.01), (-0.004, 0.004), 2, 0.3)

_POOLS = MappingProxyType({"train": TRAIN_LIGHTS, "test": TEST_LIGHTS})


def lights_of(pool: str) -> MappingProxyType[str, LightKind]:
    """The named lights of a pool."""
    return _POOLS[pool]


def fall(kind: LightKind, rng: np.random.Generator, *, azimuth: float | None = None) -> Light:
    """One light of this kind from a random side."""
    elevation = np.radians(rng.uniform(*kind.elevation_deg))
    around = rng.uniform(0, 2 * np.pi) if azimuth is None else azimuth
    flat = np.cos(elevation)
    warmth, green = rng.uniform(*kind.warmth), rng.uniform(*kind.green)
    color = np.array([warmth**0.5, 1 + green, warmth**-0.5], np.float32)
    sky = np.array([1, 1, rng.uniform(0.95, 1.12)], np.float32)
    return Light(
        direction=np.array([flat * np.cos(around), flat * np.sin(around), np.sin(elevation)], np.float32),
        color=color,
        ambient_color=(0.5 * color + 0.5) * sky,
        ambient=rng.uniform(*kind.ambient),
        kind=kind,
        image_size=(rng.uniform(*kind.image_width), rng.uniform(*kind.image_height)),
    )


def turned(vector: np.ndarray, angle: float) -> np.ndarray:
    """A direction seen from a frame that is itself turned by `angle` radians."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([cos * vector[0] + sin * vector[1], -sin * vector[0] + cos * vector[1], vector[2]], np.float32)


def light_names() -> set[str]:
    """Every name a photograph's condition `light` can have."""
    return {"studio", *TRAIN_LIGHTS, *TEST_LIGHTS}


def pick_light(pool: str, rng: np.random.Generator) -> tuple[str, Light]:
    """A named light of a pool and how it fell."""
    names = list(_POOLS[pool])
    name = names[rng.integers(len(names))]
    return name, fall(_POOLS[pool][name], rng)


def studio_light(lot: int) -> Light:
    """The even light of a reference picture; lots differ a little."""
    return fall(STUDIO, named_rng("studio", lot), azimuth=-np.pi / 2)
