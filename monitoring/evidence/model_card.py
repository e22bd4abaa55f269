"""The model card of a recogniser, after Mitchell et al., Model Cards for Model Reporting (2019), from its records."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from bentos.runtime.contract import GallerySpec, RecogniserSpec
from monitoring.evidence.document import Section, Table, document, spoken
from monitoring.evidence.figures import FIGURES, figure, in_words
from monitoring.gates import HarmWeights, harm_per_thousand, weighed_errors

_WEAKEST: Final = 8
_MIN_SLICE: Final = 10
_ROLES: Final = {
    "seen": "Pills that were in training, in other photographs",
    "fit_only": "Pills that set the thresholds",
    "unseen": "Pills that took part in nothing, as newly enrolled ones",
}
_USES: Final = (
    "A decision aid: it proposes which solid oral medication (tablet, capsule) a photograph shows, with a calibrated "
    "confidence and a set of candidates. A pharmacist or clinician decides.",
    "Users: pharmacies, poison centres, hospitals; developers who call it over REST or gRPC.",
)
_NOT_FOR: Final = (
    "Deciding about anyone's medicine alone: giving, taking or withholding one.",
    "Telling a counterfeit from a genuine pill, or anything about what is inside.",
    "Liquids, powders, patches, broken or dissolved pills; pills in a closed blister are not measured.",
    "Pills that are not in the gallery: the answer should be “unknown”, and how often it is not is measured below.",
)
_CAVEATS: Final = (
    "Coverage and confidence are promised for the calibration domain named above and for no other: measure a site's "
    "own photographs (`rxvision benchmark`) and recalibrate before relying on them.",
    "Medications whose pills look alike cannot be told apart by a photograph; they are answered together.",
    "`identified` promises the clinical drug, not the labeler: the same tablet is sold under several NDCs.",
)


def model_card(
    recogniser: RecogniserSpec,
    gallery: GallerySpec,
    *,
    evaluation: Mapping[str, Any],
    harm: HarmWeights,
    at: str,
) -> str:
    """The card as an HTML page; figures are those of the evaluation, each with its 95 % interval."""
    about = evaluation["about"]
    sections = [
        _details(recogniser, about),
        Section("Intended use", sentences=_USES),
        Section("Not for", points=_NOT_FOR),
        _factors(evaluation),
        Section("Metrics", sentences=(
            "Right drug first: the first answer names the clinical drug and strength. Identified: the answer commits "
            "itself to one drug; right when identified counts among those. Intervals draw whole medications again "
            "(bootstrap), since photographs of one pill resemble each other. Harm weighs a confident error by what the "
            "mistake could do: high-alert and narrow-therapeutic-index drugs five times.",)),
        _evaluation_data(gallery, about),
        _training_data(recogniser),
        _quantities(evaluation, harm),
        _by_role(evaluation),
        _weakest(evaluation),
        _ethics(evaluation, harm),
        Section("Caveats and recommendations", points=(*_demo_note(recogniser), *_CAVEATS)),
    ]  # fmt: skip
    lead = f"{recogniser.name}, profile “{recogniser.profile}”, recogniser {about['recogniser']}."
    foot = f"Written {spoken(at)} from the signed evaluation; bound by digest in the statement beside it."
    return document("Model card", lead=lead, sections=sections, foot=foot)


def _details(spec: RecogniserSpec, about: Mapping[str, Any]) -> Section:
    members = [
        (f"Network “{member.name}”", f"{member.architecture}, served as {member.serve}, "
         f"{member.preprocess.size_px} px, {member.embedding_dim} numbers per picture side")
        for member in spec.members
    ]  # fmt: skip
    reader = "yes: text is found and read on the pill" if spec.reader else "no: imprint counts only where it is typed"
    facts = (("Recogniser", about["recogniser"]), ("Gallery", about["gallery"]), ("Made", spoken(spec.created_at)),
             *members, ("Imprint reader", reader), ("Licence", "Apache-2.0"),
             *((name[:1].upper() + name[1:], value) for name, value in spec.training_facts.items()))  # fmt: skip
    sentence = (
        "Verification, not a closed list of classes: every cue (each network's embedding, colour, outline, surface, "
        "imprint, typed facts) is a log-likelihood ratio against “any other pill”, joined with fitted weights."
    )
    return Section("Model details", sentences=(sentence,), facts=facts)


def _factors(evaluation: Mapping[str, Any]) -> Section:
    rows = tuple(
        ("Colour" if name == "color" else name.capitalize(), ", ".join(sorted(map(_plain, values))))
        for name, values in evaluation["slices"].items()
    )
    return Section("Factors", sentences=("What performance was broken down by, with the values that occurred:",),
                   facts=rows)  # fmt: skip


def _evaluation_data(gallery: GallerySpec, about: Mapping[str, Any]) -> Section:
    return Section("Evaluation data", sentences=("Held-out photographs; see the data sheet for how they were made.",),
                   facts=(("Photographs", f"{about['num_photos']:,}"), ("Medications", f"{about['num_medications']:,}"),
                          ("Gallery", f"{len(gallery.medications):,} medications, {len(gallery.appearances):,} looks, "
                           f"{len(gallery.views):,} reference views"),
                          ("Digest of the labelled photographs", about["photos_digest"])))  # fmt: skip


def _training_data(spec: RecogniserSpec) -> Section:
    return Section("Training data", facts=(("Fingerprint", spec.training_fingerprint),
                                           ("Calibration domain", spec.calibration_domain),
                                           ("Promised coverage", f"{spec.promised_coverage:.0%}")))  # fmt: skip


def _quantities(evaluation: Mapping[str, Any], harm: HarmWeights) -> Section:
    rows = []
    for name, about in FIGURES.items():
        value = figure(evaluation, name, harm=harm)
        rows.append((about.words.capitalize(), "not measured" if value is None else in_words(name, value),
                     _interval(evaluation, about.path)))  # fmt: skip
    table = Table(("Figure", "Measured", "95 % interval"), tuple(rows), numeric=("Measured", "95 % interval"))
    return Section("Quantitative analyses", table=table)


def _by_role(evaluation: Mapping[str, Any]) -> Section:
    rows = []
    for role, words in _ROLES.items():
        if role in evaluation["roles"]:
            found = evaluation["roles"][role]["picture"]
            point = found["operating_point"]
            rows.append((words, *map(_percent, (found["drug"]["top1"], found["drug"]["top5"], point["coverage"],
                                                point["accuracy"]))))  # fmt: skip
    columns = ("Pills, picture alone", "Right first", "Among five", "Identified", "Right when identified")
    return Section("Seen and unseen pills", table=Table(columns, tuple(rows), numeric=columns[1:]))


def _weakest(evaluation: Mapping[str, Any]) -> Section:
    rows = sorted(
        ((found["top1"]["value"], f"{name} = {_plain(value)}", found["top1"]) for name, values in
         evaluation["slices"].items() for value, found in values.items() if found["top1"]["num"] >= _MIN_SLICE),
        key=lambda row: row[:2],
    )  # fmt: skip
    shown = tuple((name, _percent(top1), _range(top1), str(top1["num"])) for _, name, top1 in rows[:_WEAKEST])
    columns = ("Where it is weakest, picture alone", "Right drug first", "95 % interval", "Photographs")
    return Section("Weakest slices", table=Table(columns, shown, numeric=columns[1:]))


def _ethics(evaluation: Mapping[str, Any], harm: HarmWeights) -> Section:
    errors = weighed_errors(evaluation, harm=harm)
    alert = sum(error["high_alert"] for error in errors)
    return Section("Ethical considerations", sentences=(
        f"A wrong name given with confidence can hurt somebody. In this evaluation there were {len(errors)} such "
        f"errors over all questions, {alert} of them about a high-alert drug; weighed by harm "
        f"{harm_per_thousand(evaluation, harm=harm):.1f} points per 1,000 answers. They are listed in the report.",
        "Photographs of pills can be health data once they are linked to a person: pictures are not stored unless an "
        "operator configures a purpose, and the journal identifies them by keyed digests only."))  # fmt: skip


def _demo_note(spec: RecogniserSpec) -> Iterator[str]:
    if spec.profile == "demo":
        yield ("This is the demonstration profile: small networks trained for minutes on rendered photographs. It is "
               "not fit for use with patients.")  # fmt: skip


def _interval(evaluation: Mapping[str, Any], path: tuple[str, ...]) -> str:
    node: Any = evaluation
    for key in path:
        node = node.get(key, {})
    return _range(node) if node and path else ""


def _percent(found: Mapping[str, Any]) -> str:
    return "none" if found["value"] is None else f"{100 * found['value']:.1f} %"


def _range(found: Mapping[str, Any]) -> str:
    return "" if found.get("low") is None else f"{100 * found['low']:.1f} to {100 * found['high']:.1f} %"


def _plain(value: str) -> str:
    return value.lower().replace(";", " and ").replace("_", " ")
