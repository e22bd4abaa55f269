"""What answers now, in words that REST and gRPC share: variants, digests, members, gallery, calibration domain."""

from pydantic import BaseModel, ConfigDict

from bentos.answering import Answering
from bentos.runtime.predictor import Predictor


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


def model_status(answering: Answering) -> ModelStatus:
    """What answers now.

    Raises:
        ServiceFault: no_release.
    """
    champion, held = answering.serving(), answering.watch.variants
    loaded = {role: _loaded(serving.predictor) for role, serving in held.loaded().items()}
    return ModelStatus(
        status="ready",
        version=champion.ref.version,
        origin=champion.origin,
        refused_release=answering.watch.refusal,
        variants=tuple(VariantStatus(**line, loaded=loaded.get(line["variant"])) for line in held.listed()),
    )


def _loaded(predictor: Predictor) -> LoadedStatus:
    spec, gallery = predictor.recogniser.spec, predictor.gallery
    return LoadedStatus(
        profile=spec.profile,
        created_at=spec.created_at,
        training_fingerprint=spec.training_fingerprint,
        members=tuple(_member(predictor, name) for name in predictor.recogniser.members),
        reads_imprints=predictor.recogniser.reader is not None,
        calibration_domain=spec.calibration_domain,
        promised_coverage=spec.promised_coverage,
        unknown_prior=spec.unknown_prior,
        gallery=GalleryStatus(
            digest=gallery.digest,
            name=gallery.spec.name,
            created_at=gallery.spec.created_at,
            num_medications=len(gallery.spec.medications),
            num_appearances=len(gallery.appearances),
            num_views=len(gallery.spec.views),
        ),
    )


def _member(predictor: Predictor, name: str) -> MemberStatus:
    spec = predictor.recogniser.members[name].spec
    file = spec.onnx_int8 if spec.serve == "int8" and spec.onnx_int8 else spec.onnx_fp32
    return MemberStatus(
        name=name,
        architecture=spec.architecture,
        precision=spec.serve,
        sha256=predictor.recogniser.spec.files.get(file, ""),
        size_px=spec.preprocess.size_px,
        embedding_dim=spec.embedding_dim,
    )
