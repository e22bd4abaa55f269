"""The recogniser and gallery contracts: their typed records, digests, and how they are written and checked."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from bentos.runtime.errors import ContractError
from bentos.runtime.limits import ScoreBySize, StatusLimits
from bentos.runtime.medication import Appearance, Medication
from bentos.runtime.record import LATER, Record

RECOGNISER_FILE = "recogniser.json"
GALLERY_FILE = "gallery.json"
MemberName = Literal["fast", "accurate"]


class PreprocessSpec(Record):
    """How a located pill becomes a network's input; nobody else holds these numbers."""

    size_px: Annotated[int, Field(ge=32, le=512)]
    margin: Annotated[float, Field(ge=0, le=0.5, description="border around the pill, as a share of its longest side")]
    fill_rgb: tuple[int, int, int] = (128, 128, 128)
    keep_background: bool = False
    fill_with_surface: Annotated[bool | None, LATER] = Field(
        None, description="fill with the surface's colour instead, which tells in what light the pill lies"
    )
    half_turned: Annotated[bool | None, LATER] = Field(
        None, description="look at the crop turned by half as well; the mean of both stands for the picture"
    )
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


class MemberSpec(Record):
    """One ONNX encoder: NCHW float32 pictures to unit vectors (B, embedding_dim), its first output.

    `map_output` names a second output (B, H, W, embedding_dim): what each region adds to the unit vector, which is
    its mean over the regions. So `map . (one prototype - another)` is each region's share of the difference.
    """

    name: MemberName
    architecture: str
    onnx_fp32: str
    onnx_int8: str | None
    serve: Literal["fp32", "int8"]
    preprocess: PreprocessSpec
    embedding_dim: int
    map_output: Annotated[str | None, LATER] = Field(None, description="output that says what each region adds")


class LogisticSpec(Record):
    """A fitted log-likelihood ratio in nats: slope * score + intercept, clipped to +-limit."""

    slope: float
    intercept: float
    limit: float = 12.0


class CueSpec(Record):
    """Parameters of the cue channels, fitted on the fusion split."""

    members: dict[str, LogisticSpec]
    color_histogram: LogisticSpec
    shape_ratio: LogisticSpec
    texture: LogisticSpec
    imprint_error_rate: float = Field(gt=0, lt=1)
    size_sd_mm: float = Field(gt=0)
    typed_color_error_rate: float = Field(gt=0, lt=1)
    typed_shape_error_rate: float = Field(gt=0, lt=1)


_AS_ONE_BEFORE = {"read_again": "read_imprint"}


class PatternSpec(Record):
    """Fusion for one pattern of cues present: weight per cue, bias, temperature, and its thresholds.

    `set_threshold`: scores at or above enter the prediction set. `identified_uncertainty` and
    `unknown_threshold` are those of `StatusLimits`; `spelled` holds others for answers whose whole imprint was
    typed to the letter, as a misread or partial one leads to other pills far more often.
    """

    weights: dict[str, float]
    bias: float
    temperature: float = Field(gt=0)
    set_threshold: float
    identified_uncertainty: float = Field(ge=0, le=1)
    unknown_threshold: ScoreBySize
    spelled: Annotated[StatusLimits | None, LATER] = None

    def weight(self, cue: str) -> float:
        """A cue's weight, 0 where it has none; earlier recognisers weigh all that was read as one cue."""
        return self.weights.get(cue, self.weights.get(_AS_ONE_BEFORE.get(cue, cue), 0.0))

    def limits(self, *, spelled: bool) -> StatusLimits:
        """The limits in force; `spelled` where the typed text is the first answer's whole imprint."""
        if spelled and self.spelled is not None:
            return self.spelled
        return StatusLimits(
            identified_uncertainty=self.identified_uncertainty, unknown_threshold=self.unknown_threshold
        )


class RouterSpec(Record):
    """Which member looks first and when both must: logistic regression of "the fast member errs"."""

    feature_names: tuple[str, ...]
    weights: tuple[float, ...]
    bias: float
    hard_probability: float = Field(ge=0, le=1, description="above: the accurate member looks first")
    escalate_uncertainty: float = Field(ge=0, le=1, description="above: both members are combined")


class LookingSpec(Record):
    """Where one look is not enough: scales of a long pill's canvas, heat that parts lines, least that a line says."""

    long_scales: tuple[float, ...] = Field((1.0, 1.5), min_length=1, description="each costs a run of the finder")
    split_threshold: float = Field(0.85, gt=0, le=1, description="1 never takes a core apart")
    least_nats: float = Field(2.0, ge=0, description="what is hardly read speaks for strangers")


class ReaderSpec(Record):
    """The imprint reader: its two networks' files, its canvas and strips in px, and how its text is weighed."""

    finder_onnx: str
    reader_onnx: str
    long_canvas: tuple[int, int] = (256, 128)
    round_canvas: tuple[int, int] = (192, 192)
    long_from: float = Field(1.5, description="length over width from which the long canvas is used")
    margin: float = 0.05
    clip_limit: float = 3.0
    tiles: int = 4
    text_threshold: float = Field(0.5, gt=0, lt=1)
    max_lines: int = Field(5, ge=1, le=12, description="lines read per side; more costs time")
    strip_height: int = 48
    strip_widths: tuple[int, ...] = (48, 64, 80, 96, 112, 128, 160, 192, 256)
    stray_share: float = Field(0.3, gt=0, lt=1, description="share of lines read that the catalogue's imprint lacks")
    looking: Annotated[LookingSpec | None, LATER] = Field(None, description="nothing: one look at one canvas")


class AttributeSpec(Record):
    """Linear maps to SPL colours, shape, scored, printed; the temperature of each by member, already in the weights.

    `file` is an npz: `<member>_weight_KX`, `<member>_bias_K`, and `rate_K`, how common each attribute is, 0 for a
    shape that was never seen. `cues` are those that are weighed; of the others the answer just says what is seen.
    """

    file: str
    cues: tuple[str, ...]
    limit: float = Field(4.0, gt=0, description="largest share of one attribute in a score, nats")
    temperatures: dict[str, dict[str, float]]


class QualitySpec(Record):
    """Limits of picture statistics beyond which a retake is asked for."""

    min_sharpness: float
    max_clipped: float
    min_pill_px: int
    min_brightness: float


class RecogniserSpec(Record):
    """`recogniser.json`. Its digest covers every file through their SHA-256.

    Version 1 normalised a member's scores by a cohort of views, which version 2 does without: their figures differ.
    """

    schema_version: Literal[2] = 2
    name: str
    created_at: str
    profile: str
    members: tuple[MemberSpec, ...]
    reader: ReaderSpec | None = None
    imprint_world: Annotated[str | None, LATER] = Field(None, description="JSON file of how common imprint tokens are")
    attributes: Annotated[AttributeSpec | None, LATER] = None
    cues: CueSpec
    patterns: dict[str, PatternSpec]
    router: RouterSpec
    quality: QualitySpec
    unknown_prior: float = Field(gt=0, lt=1)
    promised_coverage: float = Field(gt=0, lt=1)
    calibration_domain: str
    training_fingerprint: str
    training_facts: dict[str, str]
    files: dict[str, str]


class View(Record):
    """Where one prototype row came from."""

    appearance_id: str
    medication_id: str
    side: Literal["front", "back", "unknown"]
    picture_digest: str
    source: str
    lot: str | None = None
    taken_on: str | None = None


class GallerySpec(Record):
    """`gallery.json`. `views[i]` is row i of every array in `prototypes.npz` and `features.npz`.

    `prototypes.npz` holds one float32 array (V, D) per member name; `features.npz` holds
    `shape_ratio` (V,), `color_histogram` (V, 48) and `texture_features` (V, 32). `pictures.bin`, where it is
    there, holds one small reference picture per view.
    """

    schema_version: Literal[1] = 1
    name: str
    created_at: str
    recogniser: str
    medications: tuple[Medication, ...]
    appearances: tuple[Appearance, ...]
    views: tuple[View, ...]
    files: dict[str, str]


def pattern_key(cues: "set[str] | frozenset[str]") -> str:
    """Name of a pattern of cues present: their names, sorted, joined by `+`."""
    return "+".join(sorted(cues))


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def canonical_json(value: object) -> bytes:
    """JSON with sorted keys and no spaces, UTF-8: equal values give equal bytes."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def spec_digest(spec: "RecogniserSpec | GallerySpec") -> str:
    """SHA-256 over the canonical JSON of a spec, `sha256:<hex>`."""
    return "sha256:" + hashlib.sha256(canonical_json(spec.model_dump(mode="json"))).hexdigest()


def write_spec(directory: Path, spec: "RecogniserSpec | GallerySpec") -> str:
    """Write the spec's JSON into `directory` and return its digest."""
    name = RECOGNISER_FILE if isinstance(spec, RecogniserSpec) else GALLERY_FILE
    (directory / name).write_text(spec.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return spec_digest(spec)


def file_digests(directory: Path, names: list[str]) -> dict[str, str]:
    """SHA-256 of each named file of `directory`."""
    return {name: file_sha256(directory / name) for name in sorted(names)}


def read_recogniser_spec(directory: Path) -> RecogniserSpec:
    """Read `recogniser.json` and check the digest of every file it names.

    Raises:
        ContractError: a file is missing or changed, or the JSON is not of the contract's form.
    """
    return _read(directory, RECOGNISER_FILE, RecogniserSpec)


def read_gallery_spec(directory: Path) -> GallerySpec:
    """Read `gallery.json` and check the digest of every file it names.

    Raises:
        ContractError: a file is missing or changed, or the JSON is not of the contract's form.
    """
    return _read(directory, GALLERY_FILE, GallerySpec)


def _read(directory: Path, name: str, kind: type) -> "RecogniserSpec | GallerySpec":
    try:
        spec = kind.model_validate_json((directory / name).read_bytes())
    except FileNotFoundError as error:
        raise ContractError(f"{directory} holds no {name}") from error
    except ValidationError as error:
        if any(fault["loc"] == ("schema_version",) for fault in error.errors()):
            raise ContractError(f"{directory / name} is of another version than this program reads; make it anew, by "
                                "training or from the committed weights") from error  # fmt: skip
        raise ContractError(f"{directory / name} is not of the contract's form: {error}") from error
    for file, expected in spec.files.items():
        _check_file(directory, file, expected)
    return spec


def _check_file(directory: Path, file: str, expected: str) -> None:
    path = directory / file
    if not path.resolve().is_relative_to(directory.resolve()):
        raise ContractError(f"{file} lies outside {directory}")
    if not path.is_file():
        raise ContractError(f"{path} is missing")
    if (found := file_sha256(path)) != expected:
        raise ContractError(f"{path} was changed: SHA-256 {found}, the contract says {expected}")
