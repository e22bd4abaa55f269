"""Tells what answers now, from what is loaded."""

from bentos.answering import Answering
from bentos.model_status import GalleryStatus, LoadedStatus, MemberStatus, ModelStatus, VariantStatus
from bentos.runtime.predictor import Predictor


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
