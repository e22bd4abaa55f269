"""What answers now, in words that REST and gRPC share: variants, digests, members, gallery, calibration domain."""

from pydantic import BaseModel, ConfigDict


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MemberStatus(_Part):
    """One encoder of the ensemble; `sha256` is that of the ONNX file it runs."""

    name: str
    architecture: str
    precision: str
    sha256: str
    size_px: int
    embedding_dim: int


class GalleryStatus(_Part):
    """What can be answered."""

    digest: str
    name: str
    created_at: str
    num_medications: int
    num_appearances: int
    num_views: int


class LoadedStatus(_Part):
    """A variant that is in memory: what it is made of and what it was fitted for."""

    profile: str
    created_at: str
    training_fingerprint: str
    members: tuple[MemberStatus, ...]
    reads_imprints: bool
    calibration_domain: str
    promised_coverage: float
    unknown_prior: float
    gallery: GalleryStatus


class VariantStatus(_Part):
    """One variant that the release names, its state and its share of the traffic; `loaded` where it is in memory."""

    variant: str
    state: str
    share: float
    version: str
    recogniser: str
    gallery: str
    loaded: LoadedStatus | None


class ModelStatus(_Part):
    """The release in force; `refused_release` says why the release file's latest change was not taken, if so."""

    status: str
    version: str
    origin: str
    refused_release: str | None
    variants: tuple[VariantStatus, ...]
