"""What a data scientist may set about calibration; every default is the safe one."""

from pydantic import BaseModel, ConfigDict, Field


class CalibrationConfig(BaseModel):
    """Priors, promised rates and assumed typing errors that calibration works with."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    unknown_prior: float = Field(
        0.1, gt=0, lt=1, description="share of pills expected to be missing from a gallery; higher says `unknown` more"
    )
    promised_coverage: float = Field(
        0.95, gt=0.5, lt=1, description="share of prediction sets that hold the right pill; higher makes sets larger"
    )
    identified_error: float = Field(
        0.01, gt=0, lt=0.5, description="share of `identified` answers that may be wrong; lower says `uncertain` more"
    )
    largest_uncertainty: float = Field(
        0.1, gt=0, le=1, description="`identified` is never said above it, however few errors were seen; higher says "
        "it more, and of pills that share their imprint in a larger gallery"
    )  # fmt: skip
    unknown_error: float = Field(
        0.015, gt=0, lt=0.5, description="share of unknown pills that may be identified; lower says `uncertain` more"
    )
    escalate_uncertainty: float = Field(
        0.3, ge=0, le=1, description="total uncertainty above which both members are combined; lower costs time"
    )
    hard_probability: float = Field(
        0.5, ge=0, le=1, description="probability of an error above which the accurate member looks first"
    )
    read_imprints: bool = Field(
        True, description="whether imprints are read from pictures; without, answers are faster and far less certain"
    )
    half_turned: bool = Field(
        True, description="whether networks look at a pill turned by half as well; without, they take half the time "
        "and rank a little worse"
    )  # fmt: skip
    imprint_error_rate: float = Field(0.1, gt=0, lt=0.5, description="assumed share of characters a person mistypes")
    typed_color_error_rate: float = Field(0.08, gt=0, lt=0.5, description="assumed share of colours named differently")
    typed_shape_error_rate: float = Field(0.05, gt=0, lt=0.5, description="assumed share of outlines named differently")
    size_sd_mm: float = Field(0.7, gt=0, le=5, description="assumed standard deviation of a measured size, mm")
    attribute_photos: int = Field(
        500, ge=0, description="train photographs that colours, shape and marking are learnt from; 0: no such cues"
    )
    max_photos: int = Field(1000, ge=50, description="photographs observed per split; more is slower and steadier")
    seed: int = Field(7, description="seed of sampling, pairing and simulated typing")
