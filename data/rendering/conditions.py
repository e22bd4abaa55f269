"""How a rendered photograph was taken, as it goes into the manifest."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Conditions:
    """Named conditions for slices (background, light, blur), numbers for the rest.

    angle_deg: the pill's turn in the picture. tilt_deg: how far the camera leans from straight above.
    fill: the pill's longest extent as a share of the picture's side. exposure_ev: in stops from neutral.
    """

    background: str
    light: str
    blur: str
    camera_seed: int
    exposure_ev: float
    angle_deg: float
    tilt_deg: float
    fill: float
    noise: float
    jpeg_quality: int

    def as_dict(self) -> dict[str, str | float]:
        """Name to value."""
        return {name: float(value) if isinstance(value, int) else value for name, value in asdict(self).items()}
