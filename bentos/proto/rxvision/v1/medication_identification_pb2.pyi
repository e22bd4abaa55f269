from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PredictMedicationRequest(_message.Message):
    __slots__ = ("image_data", "image_format", "metadata", "back_image_data", "back_image_format", "session_key", "subject_ref")
    IMAGE_DATA_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FORMAT_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    BACK_IMAGE_DATA_FIELD_NUMBER: _ClassVar[int]
    BACK_IMAGE_FORMAT_FIELD_NUMBER: _ClassVar[int]
    SESSION_KEY_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_REF_FIELD_NUMBER: _ClassVar[int]
    image_data: bytes
    image_format: str
    metadata: PillMetadata
    back_image_data: bytes
    back_image_format: str
    session_key: str
    subject_ref: str
    def __init__(self, image_data: _Optional[bytes] = ..., image_format: _Optional[str] = ..., metadata: _Optional[_Union[PillMetadata, _Mapping]] = ..., back_image_data: _Optional[bytes] = ..., back_image_format: _Optional[str] = ..., session_key: _Optional[str] = ..., subject_ref: _Optional[str] = ...) -> None: ...

class PillMetadata(_message.Message):
    __slots__ = ("imprint", "color", "shape", "size_mm", "heat_map")
    IMPRINT_FIELD_NUMBER: _ClassVar[int]
    COLOR_FIELD_NUMBER: _ClassVar[int]
    SHAPE_FIELD_NUMBER: _ClassVar[int]
    SIZE_MM_FIELD_NUMBER: _ClassVar[int]
    HEAT_MAP_FIELD_NUMBER: _ClassVar[int]
    imprint: str
    color: str
    shape: str
    size_mm: float
    heat_map: bool
    def __init__(self, imprint: _Optional[str] = ..., color: _Optional[str] = ..., shape: _Optional[str] = ..., size_mm: _Optional[float] = ..., heat_map: _Optional[bool] = ...) -> None: ...

class PredictMedicationResponse(_message.Message):
    __slots__ = ("medication_id", "medication_name", "confidence", "alternatives", "explanation", "status", "uncertainty", "prediction_set", "pills", "release", "request_id", "timings_ms", "degraded", "receipt")
    class TimingsMsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    MEDICATION_ID_FIELD_NUMBER: _ClassVar[int]
    MEDICATION_NAME_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    ALTERNATIVES_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    UNCERTAINTY_FIELD_NUMBER: _ClassVar[int]
    PREDICTION_SET_FIELD_NUMBER: _ClassVar[int]
    PILLS_FIELD_NUMBER: _ClassVar[int]
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TIMINGS_MS_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    RECEIPT_FIELD_NUMBER: _ClassVar[int]
    medication_id: str
    medication_name: str
    confidence: float
    alternatives: _containers.RepeatedCompositeFieldContainer[Alternative]
    explanation: Explanation
    status: str
    uncertainty: Uncertainty
    prediction_set: PredictionSet
    pills: _containers.RepeatedCompositeFieldContainer[Pill]
    release: Release
    request_id: str
    timings_ms: _containers.ScalarMap[str, float]
    degraded: bool
    receipt: Receipt
    def __init__(self, medication_id: _Optional[str] = ..., medication_name: _Optional[str] = ..., confidence: _Optional[float] = ..., alternatives: _Optional[_Iterable[_Union[Alternative, _Mapping]]] = ..., explanation: _Optional[_Union[Explanation, _Mapping]] = ..., status: _Optional[str] = ..., uncertainty: _Optional[_Union[Uncertainty, _Mapping]] = ..., prediction_set: _Optional[_Union[PredictionSet, _Mapping]] = ..., pills: _Optional[_Iterable[_Union[Pill, _Mapping]]] = ..., release: _Optional[_Union[Release, _Mapping]] = ..., request_id: _Optional[str] = ..., timings_ms: _Optional[_Mapping[str, float]] = ..., degraded: _Optional[bool] = ..., receipt: _Optional[_Union[Receipt, _Mapping]] = ...) -> None: ...

class Pill(_message.Message):
    __slots__ = ("box", "status", "reason", "medication", "confidence", "unknown_probability", "uncertainty", "alternatives", "prediction_set", "explanation", "next", "ask", "seen")
    BOX_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MEDICATION_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    UNCERTAINTY_FIELD_NUMBER: _ClassVar[int]
    ALTERNATIVES_FIELD_NUMBER: _ClassVar[int]
    PREDICTION_SET_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    NEXT_FIELD_NUMBER: _ClassVar[int]
    ASK_FIELD_NUMBER: _ClassVar[int]
    SEEN_FIELD_NUMBER: _ClassVar[int]
    box: Box
    status: str
    reason: str
    medication: Medication
    confidence: float
    unknown_probability: float
    uncertainty: Uncertainty
    alternatives: _containers.RepeatedCompositeFieldContainer[Alternative]
    prediction_set: PredictionSet
    explanation: Explanation
    next: str
    ask: Ask
    seen: Seen
    def __init__(self, box: _Optional[_Union[Box, _Mapping]] = ..., status: _Optional[str] = ..., reason: _Optional[str] = ..., medication: _Optional[_Union[Medication, _Mapping]] = ..., confidence: _Optional[float] = ..., unknown_probability: _Optional[float] = ..., uncertainty: _Optional[_Union[Uncertainty, _Mapping]] = ..., alternatives: _Optional[_Iterable[_Union[Alternative, _Mapping]]] = ..., prediction_set: _Optional[_Union[PredictionSet, _Mapping]] = ..., explanation: _Optional[_Union[Explanation, _Mapping]] = ..., next: _Optional[str] = ..., ask: _Optional[_Union[Ask, _Mapping]] = ..., seen: _Optional[_Union[Seen, _Mapping]] = ...) -> None: ...

class Box(_message.Message):
    __slots__ = ("x", "y", "width", "height")
    X_FIELD_NUMBER: _ClassVar[int]
    Y_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    x: int
    y: int
    width: int
    height: int
    def __init__(self, x: _Optional[int] = ..., y: _Optional[int] = ..., width: _Optional[int] = ..., height: _Optional[int] = ...) -> None: ...

class Medication(_message.Message):
    __slots__ = ("medication_id", "ndc11", "name", "strength", "imprint", "rxcui", "same_appearance")
    MEDICATION_ID_FIELD_NUMBER: _ClassVar[int]
    NDC11_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STRENGTH_FIELD_NUMBER: _ClassVar[int]
    IMPRINT_FIELD_NUMBER: _ClassVar[int]
    RXCUI_FIELD_NUMBER: _ClassVar[int]
    SAME_APPEARANCE_FIELD_NUMBER: _ClassVar[int]
    medication_id: str
    ndc11: str
    name: str
    strength: str
    imprint: str
    rxcui: str
    same_appearance: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, medication_id: _Optional[str] = ..., ndc11: _Optional[str] = ..., name: _Optional[str] = ..., strength: _Optional[str] = ..., imprint: _Optional[str] = ..., rxcui: _Optional[str] = ..., same_appearance: _Optional[_Iterable[str]] = ...) -> None: ...

class Alternative(_message.Message):
    __slots__ = ("medication_id", "appearance_id", "name", "clinical_drug", "probability", "score")
    MEDICATION_ID_FIELD_NUMBER: _ClassVar[int]
    APPEARANCE_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CLINICAL_DRUG_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    medication_id: str
    appearance_id: str
    name: str
    clinical_drug: str
    probability: float
    score: float
    def __init__(self, medication_id: _Optional[str] = ..., appearance_id: _Optional[str] = ..., name: _Optional[str] = ..., clinical_drug: _Optional[str] = ..., probability: _Optional[float] = ..., score: _Optional[float] = ...) -> None: ...

class Seen(_message.Message):
    __slots__ = ("colors", "shapes", "scored", "printed")
    class ColorsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class ShapesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    COLORS_FIELD_NUMBER: _ClassVar[int]
    SHAPES_FIELD_NUMBER: _ClassVar[int]
    SCORED_FIELD_NUMBER: _ClassVar[int]
    PRINTED_FIELD_NUMBER: _ClassVar[int]
    colors: _containers.ScalarMap[str, float]
    shapes: _containers.ScalarMap[str, float]
    scored: float
    printed: float
    def __init__(self, colors: _Optional[_Mapping[str, float]] = ..., shapes: _Optional[_Mapping[str, float]] = ..., scored: _Optional[float] = ..., printed: _Optional[float] = ...) -> None: ...

class Uncertainty(_message.Message):
    __slots__ = ("total", "disagreement", "threshold")
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    DISAGREEMENT_FIELD_NUMBER: _ClassVar[int]
    THRESHOLD_FIELD_NUMBER: _ClassVar[int]
    total: float
    disagreement: float
    threshold: float
    def __init__(self, total: _Optional[float] = ..., disagreement: _Optional[float] = ..., threshold: _Optional[float] = ...) -> None: ...

class PredictionSet(_message.Message):
    __slots__ = ("medication_ids", "num_appearances", "promised_coverage", "domain")
    MEDICATION_IDS_FIELD_NUMBER: _ClassVar[int]
    NUM_APPEARANCES_FIELD_NUMBER: _ClassVar[int]
    PROMISED_COVERAGE_FIELD_NUMBER: _ClassVar[int]
    DOMAIN_FIELD_NUMBER: _ClassVar[int]
    medication_ids: _containers.RepeatedScalarFieldContainer[str]
    num_appearances: int
    promised_coverage: float
    domain: str
    def __init__(self, medication_ids: _Optional[_Iterable[str]] = ..., num_appearances: _Optional[int] = ..., promised_coverage: _Optional[float] = ..., domain: _Optional[str] = ...) -> None: ...

class Explanation(_message.Message):
    __slots__ = ("cues", "against_runner_up", "base", "words", "route", "warnings", "look_alikes", "matched", "heat_maps", "runner_up", "degraded")
    class CuesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class AgainstRunnerUpEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    CUES_FIELD_NUMBER: _ClassVar[int]
    AGAINST_RUNNER_UP_FIELD_NUMBER: _ClassVar[int]
    BASE_FIELD_NUMBER: _ClassVar[int]
    WORDS_FIELD_NUMBER: _ClassVar[int]
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    LOOK_ALIKES_FIELD_NUMBER: _ClassVar[int]
    MATCHED_FIELD_NUMBER: _ClassVar[int]
    HEAT_MAPS_FIELD_NUMBER: _ClassVar[int]
    RUNNER_UP_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    cues: _containers.ScalarMap[str, float]
    against_runner_up: _containers.ScalarMap[str, float]
    base: float
    words: str
    route: str
    warnings: _containers.RepeatedScalarFieldContainer[str]
    look_alikes: _containers.RepeatedCompositeFieldContainer[LookAlike]
    matched: _containers.RepeatedCompositeFieldContainer[MatchedView]
    heat_maps: _containers.RepeatedCompositeFieldContainer[HeatMap]
    runner_up: str
    degraded: bool
    def __init__(self, cues: _Optional[_Mapping[str, float]] = ..., against_runner_up: _Optional[_Mapping[str, float]] = ..., base: _Optional[float] = ..., words: _Optional[str] = ..., route: _Optional[str] = ..., warnings: _Optional[_Iterable[str]] = ..., look_alikes: _Optional[_Iterable[_Union[LookAlike, _Mapping]]] = ..., matched: _Optional[_Iterable[_Union[MatchedView, _Mapping]]] = ..., heat_maps: _Optional[_Iterable[_Union[HeatMap, _Mapping]]] = ..., runner_up: _Optional[str] = ..., degraded: _Optional[bool] = ...) -> None: ...

class LookAlike(_message.Message):
    __slots__ = ("medication_id", "name", "taken_for", "reasons", "probability", "tell_apart")
    MEDICATION_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TAKEN_FOR_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    TELL_APART_FIELD_NUMBER: _ClassVar[int]
    medication_id: str
    name: str
    taken_for: str
    reasons: _containers.RepeatedScalarFieldContainer[str]
    probability: float
    tell_apart: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, medication_id: _Optional[str] = ..., name: _Optional[str] = ..., taken_for: _Optional[str] = ..., reasons: _Optional[_Iterable[str]] = ..., probability: _Optional[float] = ..., tell_apart: _Optional[_Iterable[str]] = ...) -> None: ...

class MatchedView(_message.Message):
    __slots__ = ("picture", "medication_id", "side", "picture_digest")
    PICTURE_FIELD_NUMBER: _ClassVar[int]
    MEDICATION_ID_FIELD_NUMBER: _ClassVar[int]
    SIDE_FIELD_NUMBER: _ClassVar[int]
    PICTURE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    picture: int
    medication_id: str
    side: str
    picture_digest: str
    def __init__(self, picture: _Optional[int] = ..., medication_id: _Optional[str] = ..., side: _Optional[str] = ..., picture_digest: _Optional[str] = ...) -> None: ...

class HeatMap(_message.Message):
    __slots__ = ("picture", "box", "rows", "columns", "shares", "total")
    PICTURE_FIELD_NUMBER: _ClassVar[int]
    BOX_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    SHARES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    picture: int
    box: Box
    rows: int
    columns: int
    shares: _containers.RepeatedScalarFieldContainer[float]
    total: float
    def __init__(self, picture: _Optional[int] = ..., box: _Optional[_Union[Box, _Mapping]] = ..., rows: _Optional[int] = ..., columns: _Optional[int] = ..., shares: _Optional[_Iterable[float]] = ..., total: _Optional[float] = ...) -> None: ...

class Ask(_message.Message):
    __slots__ = ("question", "sentence", "options", "bits", "expected_remaining")
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    SENTENCE_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    BITS_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REMAINING_FIELD_NUMBER: _ClassVar[int]
    question: str
    sentence: str
    options: _containers.RepeatedScalarFieldContainer[str]
    bits: float
    expected_remaining: float
    def __init__(self, question: _Optional[str] = ..., sentence: _Optional[str] = ..., options: _Optional[_Iterable[str]] = ..., bits: _Optional[float] = ..., expected_remaining: _Optional[float] = ...) -> None: ...

class Release(_message.Message):
    __slots__ = ("recogniser", "gallery", "version", "variant")
    RECOGNISER_FIELD_NUMBER: _ClassVar[int]
    GALLERY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    VARIANT_FIELD_NUMBER: _ClassVar[int]
    recogniser: str
    gallery: str
    version: str
    variant: str
    def __init__(self, recogniser: _Optional[str] = ..., gallery: _Optional[str] = ..., version: _Optional[str] = ..., variant: _Optional[str] = ...) -> None: ...

class Receipt(_message.Message):
    __slots__ = ("schema_version", "request_id", "at", "entry_id", "entry_hash", "recogniser", "gallery", "answer_sha256", "key_id", "signature")
    SCHEMA_VERSION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    ENTRY_ID_FIELD_NUMBER: _ClassVar[int]
    ENTRY_HASH_FIELD_NUMBER: _ClassVar[int]
    RECOGNISER_FIELD_NUMBER: _ClassVar[int]
    GALLERY_FIELD_NUMBER: _ClassVar[int]
    ANSWER_SHA256_FIELD_NUMBER: _ClassVar[int]
    KEY_ID_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    schema_version: int
    request_id: str
    at: str
    entry_id: int
    entry_hash: str
    recogniser: str
    gallery: str
    answer_sha256: str
    key_id: str
    signature: str
    def __init__(self, schema_version: _Optional[int] = ..., request_id: _Optional[str] = ..., at: _Optional[str] = ..., entry_id: _Optional[int] = ..., entry_hash: _Optional[str] = ..., recogniser: _Optional[str] = ..., gallery: _Optional[str] = ..., answer_sha256: _Optional[str] = ..., key_id: _Optional[str] = ..., signature: _Optional[str] = ...) -> None: ...

class PredictBatchRequest(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[PredictMedicationRequest]
    def __init__(self, items: _Optional[_Iterable[_Union[PredictMedicationRequest, _Mapping]]] = ...) -> None: ...

class PredictBatchResponse(_message.Message):
    __slots__ = ("request_id", "num_answered", "items")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    NUM_ANSWERED_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    num_answered: int
    items: _containers.RepeatedCompositeFieldContainer[BatchItem]
    def __init__(self, request_id: _Optional[str] = ..., num_answered: _Optional[int] = ..., items: _Optional[_Iterable[_Union[BatchItem, _Mapping]]] = ...) -> None: ...

class BatchItem(_message.Message):
    __slots__ = ("index", "request_id", "answer", "problem")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    index: int
    request_id: str
    answer: PredictMedicationResponse
    problem: Problem
    def __init__(self, index: _Optional[int] = ..., request_id: _Optional[str] = ..., answer: _Optional[_Union[PredictMedicationResponse, _Mapping]] = ..., problem: _Optional[_Union[Problem, _Mapping]] = ...) -> None: ...

class Problem(_message.Message):
    __slots__ = ("code", "detail", "grpc_code")
    CODE_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    GRPC_CODE_FIELD_NUMBER: _ClassVar[int]
    code: str
    detail: str
    grpc_code: int
    def __init__(self, code: _Optional[str] = ..., detail: _Optional[str] = ..., grpc_code: _Optional[int] = ...) -> None: ...

class PredictStreamRequest(_message.Message):
    __slots__ = ("item_id", "item")
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    ITEM_FIELD_NUMBER: _ClassVar[int]
    item_id: str
    item: PredictMedicationRequest
    def __init__(self, item_id: _Optional[str] = ..., item: _Optional[_Union[PredictMedicationRequest, _Mapping]] = ...) -> None: ...

class PredictStreamResponse(_message.Message):
    __slots__ = ("item_id", "request_id", "answer", "problem")
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    item_id: str
    request_id: str
    answer: PredictMedicationResponse
    problem: Problem
    def __init__(self, item_id: _Optional[str] = ..., request_id: _Optional[str] = ..., answer: _Optional[_Union[PredictMedicationResponse, _Mapping]] = ..., problem: _Optional[_Union[Problem, _Mapping]] = ...) -> None: ...

class GetCheckpointsRequest(_message.Message):
    __slots__ = ("from_entry", "limit")
    FROM_ENTRY_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    from_entry: int
    limit: int
    def __init__(self, from_entry: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class GetCheckpointsResponse(_message.Message):
    __slots__ = ("checkpoints",)
    CHECKPOINTS_FIELD_NUMBER: _ClassVar[int]
    checkpoints: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, checkpoints: _Optional[_Iterable[str]] = ...) -> None: ...

class GetAuditKeyRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetAuditKeyResponse(_message.Message):
    __slots__ = ("public_key_pem",)
    PUBLIC_KEY_PEM_FIELD_NUMBER: _ClassVar[int]
    public_key_pem: str
    def __init__(self, public_key_pem: _Optional[str] = ...) -> None: ...

class GetProofRequest(_message.Message):
    __slots__ = ("request_id",)
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    def __init__(self, request_id: _Optional[str] = ...) -> None: ...

class GetProofResponse(_message.Message):
    __slots__ = ("proof",)
    PROOF_FIELD_NUMBER: _ClassVar[int]
    proof: str
    def __init__(self, proof: _Optional[str] = ...) -> None: ...

class GetModelStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetModelStatusResponse(_message.Message):
    __slots__ = ("status", "version", "origin", "refused_release", "variants")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    REFUSED_RELEASE_FIELD_NUMBER: _ClassVar[int]
    VARIANTS_FIELD_NUMBER: _ClassVar[int]
    status: str
    version: str
    origin: str
    refused_release: str
    variants: _containers.RepeatedCompositeFieldContainer[Variant]
    def __init__(self, status: _Optional[str] = ..., version: _Optional[str] = ..., origin: _Optional[str] = ..., refused_release: _Optional[str] = ..., variants: _Optional[_Iterable[_Union[Variant, _Mapping]]] = ...) -> None: ...

class Variant(_message.Message):
    __slots__ = ("variant", "state", "share", "version", "recogniser", "gallery", "loaded")
    VARIANT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    RECOGNISER_FIELD_NUMBER: _ClassVar[int]
    GALLERY_FIELD_NUMBER: _ClassVar[int]
    LOADED_FIELD_NUMBER: _ClassVar[int]
    variant: str
    state: str
    share: float
    version: str
    recogniser: str
    gallery: str
    loaded: Loaded
    def __init__(self, variant: _Optional[str] = ..., state: _Optional[str] = ..., share: _Optional[float] = ..., version: _Optional[str] = ..., recogniser: _Optional[str] = ..., gallery: _Optional[str] = ..., loaded: _Optional[_Union[Loaded, _Mapping]] = ...) -> None: ...

class Loaded(_message.Message):
    __slots__ = ("profile", "created_at", "training_fingerprint", "members", "reads_imprints", "calibration_domain", "promised_coverage", "unknown_prior", "gallery")
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    TRAINING_FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    READS_IMPRINTS_FIELD_NUMBER: _ClassVar[int]
    CALIBRATION_DOMAIN_FIELD_NUMBER: _ClassVar[int]
    PROMISED_COVERAGE_FIELD_NUMBER: _ClassVar[int]
    UNKNOWN_PRIOR_FIELD_NUMBER: _ClassVar[int]
    GALLERY_FIELD_NUMBER: _ClassVar[int]
    profile: str
    created_at: str
    training_fingerprint: str
    members: _containers.RepeatedCompositeFieldContainer[Member]
    reads_imprints: bool
    calibration_domain: str
    promised_coverage: float
    unknown_prior: float
    gallery: Gallery
    def __init__(self, profile: _Optional[str] = ..., created_at: _Optional[str] = ..., training_fingerprint: _Optional[str] = ..., members: _Optional[_Iterable[_Union[Member, _Mapping]]] = ..., reads_imprints: _Optional[bool] = ..., calibration_domain: _Optional[str] = ..., promised_coverage: _Optional[float] = ..., unknown_prior: _Optional[float] = ..., gallery: _Optional[_Union[Gallery, _Mapping]] = ...) -> None: ...

class Member(_message.Message):
    __slots__ = ("name", "architecture", "precision", "sha256", "size_px", "embedding_dim")
    NAME_FIELD_NUMBER: _ClassVar[int]
    ARCHITECTURE_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_PX_FIELD_NUMBER: _ClassVar[int]
    EMBEDDING_DIM_FIELD_NUMBER: _ClassVar[int]
    name: str
    architecture: str
    precision: str
    sha256: str
    size_px: int
    embedding_dim: int
    def __init__(self, name: _Optional[str] = ..., architecture: _Optional[str] = ..., precision: _Optional[str] = ..., sha256: _Optional[str] = ..., size_px: _Optional[int] = ..., embedding_dim: _Optional[int] = ...) -> None: ...

class Gallery(_message.Message):
    __slots__ = ("digest", "name", "created_at", "num_medications", "num_appearances", "num_views")
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    NUM_MEDICATIONS_FIELD_NUMBER: _ClassVar[int]
    NUM_APPEARANCES_FIELD_NUMBER: _ClassVar[int]
    NUM_VIEWS_FIELD_NUMBER: _ClassVar[int]
    digest: str
    name: str
    created_at: str
    num_medications: int
    num_appearances: int
    num_views: int
    def __init__(self, digest: _Optional[str] = ..., name: _Optional[str] = ..., created_at: _Optional[str] = ..., num_medications: _Optional[int] = ..., num_appearances: _Optional[int] = ..., num_views: _Optional[int] = ...) -> None: ...
