"""What a data scientist can change in the Launchpad: typed, closed, every default safe."""

from enum import Enum

import dagster as dg
from pydantic import Field


class CatalogueSource(Enum):
    """Where medications come from."""

    FORMULARY = "formulary"
    NLM = "nlm"
    CSV = "csv"


class CatalogueConfig(dg.Config):
    """Which medications are recognised."""

    source: CatalogueSource = Field(
        CatalogueSource.FORMULARY,
        description="formulary: the built-in one; nlm: an NLM/C3PI catalogue.csv; csv: the plain columns of docs.",
    )
    path: str | None = Field(None, description="File of the catalogue, for nlm and csv; the formulary needs none.")


class PhotographsConfig(dg.Config):
    """Which photographs are ingested. Raising a number renders or reads only what is new."""

    train_photos_per_side: int = Field(
        24, ge=0, le=2000, description="Rendered training photographs of each side; more learns better and slower."
    )
    test_photos_per_side: int = Field(
        6, ge=0, le=500, description="Rendered photographs with backgrounds and lights never trained on: the judges."
    )
    references_per_side: int = Field(
        2, ge=1, le=20, description="Rendered studio pictures of each side, one per lot: what a gallery is made of."
    )
    seed: int = Field(2025, ge=0, description="Another seed is another, equally valid, set of pictures.")
    workers: int = Field(2, ge=1, le=64, description="Processes that render and decode.")
    folder: str | None = Field(
        None, description="Directory with labels.csv (file, ndc11, background, side) of photographs to add."
    )
    epillid: str | None = Field(None, description="Directory of the ePillID data as published, to add.")
    nlm_challenge: str | None = Field(None, description="Directory of the NLM challenge data as published, to add.")
    rximage: str | None = Field(None, description="Directory of NLM RxIMAGE reference pictures, to add.")


class SplitConfig(dg.Config):
    """How photographs are divided. Changing any of these changes the data set and so retrains."""

    seed: int = Field(2025, ge=0, description="Which appearances are held out.")
    unseen_share: float = Field(
        0.10, ge=0.05, le=0.5, description="Share of appearances kept out of all training: the pills of tomorrow."
    )
    fit_share: float = Field(
        0.15, ge=0.05, le=0.5, description="Share of appearances that only fusion and thresholds are fitted on."
    )


class Profile(Enum):
    """The pair of networks."""

    DEMO = "demo"
    STANDARD = "standard"
    PRODUCTION = "production"


class MemberConfig(dg.Config):
    """How one network is trained; what is left out is the profile's own value."""

    profile: Profile = Field(
        Profile.DEMO, description="demo: minutes on two cores; standard, production: a GPU and far more photographs."
    )
    epochs: int | None = Field(None, ge=1, le=1000, description="More is slower, and better up to a point.")
    batch_size: int | None = Field(None, ge=4, le=4096, description="Larger needs memory and fewer, smoother steps.")
    learning_rate: float | None = Field(None, gt=0, le=1, description="Too high diverges, too low is still learning.")
    weight_decay: float | None = Field(None, ge=0, le=1, description="More regularises: for few photographs.")
    size_px: int | None = Field(None, ge=32, le=512, description="Side of the crop; finer imprints, slower everywhere.")
    seed: int | None = Field(None, ge=0, description="Order of photographs and initial weights.")
    initial_weights: str | None = Field(None, description="Checkpoint to start from; without one, from scratch.")


class RecogniserConfig(dg.Config):
    """What the recogniser is put together from."""

    members: list[str] = Field(
        ["fast", "accurate"], description="One or both; with one member there is no disagreement to measure."
    )
    promised_coverage: float = Field(
        0.95, gt=0.5, lt=1, description="Share of prediction sets that hold the truth; higher makes larger sets."
    )
    seed: int = Field(2025, ge=0, description="Order of the fits' examples.")


class EvaluationConfig(dg.Config):
    """How thoroughly a candidate is judged."""

    max_photos: int | None = Field(
        None, ge=50, description="Judge on at most so many photographs; fewer widens every interval."
    )
    seed: int = Field(2025, ge=0, description="Typed imprints and removed medications are drawn with it.")


class DriftConfig(dg.Config):
    """Which traffic is compared with the training reference."""

    window_hours: int = Field(24, ge=1, le=24 * 90, description="Predictions of the last so many hours.")
    min_predictions: int = Field(200, ge=30, description="With fewer there is no verdict: noise would raise alarms.")
