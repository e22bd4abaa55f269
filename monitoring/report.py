"""The evaluation report: one self-contained HTML page that a compliance officer can read."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from monitoring import charts
from monitoring.evaluate import evaluation_digest
from monitoring.gates import Gates, HarmWeights, harm_per_thousand, weighed_errors
from monitoring.pictures import Pictures
from monitoring.policy import policy_named

TEMPLATE = Path(__file__).with_name("report.html")
_ROLES = {"all": "all", "seen": "seen", "fit_only": "fit only", "unseen": "unseen"}
_QUESTIONS = {
    "picture": "Picture alone",
    "picture_both_sides": "Pictures of both sides, where there are",
    "picture_and_imprint": "Picture and imprint",
    "picture_and_partial_imprint": "Picture and part of the imprint, with a slip",
}
_UNITS = {
    "share": lambda value: f"{100 * value:.1f} %",
    "photographs": lambda value: f"{value:,.0f}",
    "views": lambda value: f"{value:,.0f}",
    "ms": lambda value: f"{value:.0f} ms",
    "points": lambda value: f"{value:.1f}",
}
_MAX_HARMFUL = 20
_MAX_CONFUSIONS = 12


def write_report(
    evaluation: Mapping[str, Any],
    *,
    gates: Gates,
    facts: Mapping[str, str],
    harm: HarmWeights,
    at: str,
    out: Path,
    pictures: Pictures | None = None,
) -> Path:
    """Write the page.

    Args:
        evaluation: the JSON of `evaluate.Evaluation.metrics`.
        facts: name and value of what the officer must be able to trace: commit, versions, dataset.
        pictures: where photographs and reference pictures come from; confusions have none without it.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters.update(
        percent=_percent, interval=_interval, range=_range, number=_number, number_range=_number_range,
        measure=_measure, short=_short_digest, words=lambda role: _ROLES.get(role, role),
    )  # fmt: skip
    page = environment.from_string(TEMPLATE.read_text("utf-8"))
    out.parent.mkdir(parents=True, exist_ok=True)
    context = _context(evaluation, gates=gates, harm=harm, pictures=pictures)
    out.write_text(page.render(**context, facts=_facts(evaluation, extra=facts), gates=gates, at=at), encoding="utf-8")
    return out


def _context(
    evaluation: Mapping[str, Any], *, gates: Gates, harm: HarmWeights, pictures: Pictures | None
) -> dict[str, Any]:
    errors = weighed_errors(evaluation, harm=harm)
    calibration = evaluation["calibration"]
    return {
        "about": evaluation["about"],
        "evaluation_digest": evaluation_digest(evaluation),
        "cards": _cards(evaluation),
        "accuracy": _accuracy(evaluation),
        "members": evaluation["members"],
        "attributes": evaluation.get("attributes", {}),
        "reliability": [
            {"question": _QUESTIONS[q], "ece": item["ece"], "svg": charts.reliability(item["bins"])}
            for q, item in calibration.items()
        ],
        "risk_svg": charts.risk_coverage({_QUESTIONS[q]: item["risk_coverage"] for q, item in calibration.items()}),
        "risk_legend": charts.legend([_QUESTIONS[q] for q in calibration]),
        "sets": _sets(evaluation),
        "unknown": evaluation["unknown"]["by_gallery_size"],
        "harm_total": harm_per_thousand(evaluation, harm=harm),
        "harmful": [{**error, "question": _QUESTIONS[error["question"]]} for error in errors[:_MAX_HARMFUL]],
        "num_harmful": len(errors),
        "slices": _slices(evaluation, floor=policy_named(gates.policy).worst_slice_top1),
        "confusions": [_confusion(item, pictures=pictures) for item in evaluation["confusions"][:_MAX_CONFUSIONS]],
        "latency": evaluation["latency_ms"],
        "per_medication": evaluation["per_medication"],
        "has_champion": any(gate.champion is not None for gate in gates.gates),
    }


def _cards(evaluation: Mapping[str, Any]) -> list[dict[str, Any]]:
    questions, unknown = evaluation["questions"], evaluation["unknown"]["by_gallery_size"]
    picture, typed = questions["picture"], questions["picture_and_imprint"]
    cards = [
        ("Right drug, picture alone", picture["drug"]["top1"], "The first answer names the right drug and strength."),
        ("Right drug, imprint typed", typed["drug"]["top1"], "As above, with the pill’s whole imprint typed as well."),
        (
            "Right when identified",
            picture["operating_point"]["accuracy"],
            f"Picture alone; it did so for {_percent(picture['operating_point']['coverage'])} of the photographs.",
        ),
    ]
    if unknown:
        cards.append(
            (
                "Foreign pill named",
                unknown[-1]["false_identified"],
                "A pill missing from the gallery got a name. Low is good.",
            )
        )
    return [{"name": name, "figure": figure, "meaning": meaning} for name, figure, meaning in cards]


def _groups(evaluation: Mapping[str, Any]) -> list[tuple[str, str, Mapping[str, Any]]]:
    """(question, role, figures) for all pills together and for each role, in reading order; both sides last."""
    both = evaluation.get("both_sides")  # an evaluation of before they were asked together has none
    pairs = [("picture_both_sides", "all", both)] if both and both["drug"]["top1"]["num"] else []
    return pairs + [
        (question, role, (evaluation["questions"] if role == "all" else evaluation["roles"][role])[question])
        for question in evaluation["questions"]
        for role in _ROLES
        if role == "all" or role in evaluation["roles"]
    ]


def _accuracy(evaluation: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "question": _QUESTIONS[question] if role == "all" else "",
            "role": _ROLES[role],
            "figures": [
                figures["drug"]["top1"],
                figures["drug"]["top5"],
                figures["drug"]["map"],
                figures["ndc"]["top1"],
                figures["operating_point"]["coverage"],
                figures["operating_point"]["accuracy"],
            ],
        }
        for question, role, figures in _groups(evaluation)
    ]


def _sets(evaluation: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "question": _QUESTIONS[question] if role == "all" else "",
            "role": _ROLES[role],
            "coverage": figures["set"]["coverage"],
            "size": figures["set"]["mean_size"],
        }
        for question, role, figures in _groups(evaluation)
    ]


def _slices(evaluation: Mapping[str, Any], *, floor: float) -> list[dict[str, str]]:
    return [
        {
            "name": "Colour" if name == "color" else name.capitalize(),
            "svg": charts.interval_rows(
                [(_plain(value), figures["top1"]) for value, figures in _weakest_first(values)],
                limit=floor,
                width=500,
            ),
        }
        for name, values in evaluation["slices"].items()
    ]


def _plain(value: str) -> str:
    return value.lower().replace(";", " and ").replace("_", " ")


def _weakest_first(values: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return sorted(values.items(), key=lambda item: item[1]["top1"]["value"])


def _confusion(item: Mapping[str, Any], *, pictures: Pictures | None) -> dict[str, Any]:
    return {
        **item,
        "photo_uri": pictures.photo(item["photo"]) if pictures else None,
        "true_uris": pictures.references(item["medication_id"]) if pictures else [],
        "answered_uris": pictures.references(item["answered_medication"]) if pictures else [],
    }


def _facts(evaluation: Mapping[str, Any], *, extra: Mapping[str, str]) -> Sequence[tuple[str, str]]:
    about = evaluation["about"]
    own = {
        "Recogniser": about["recogniser"],
        "Gallery": about["gallery"],
        "Made at": about["created_at"],
        **{f"Member “{name}”": text for name, text in about["members"].items()},
        "Training data": about["training_fingerprint"],
        "Test photographs": about["photos_digest"],
        **about["training_facts"],
    }
    return list((own | dict(extra)).items())


def _percent(figure: Mapping[str, Any]) -> str:
    return "none" if figure["value"] is None else f"{100 * figure['value']:.1f} %"


def _range(figure: Mapping[str, Any]) -> str:
    return "" if figure["value"] is None else f"{100 * figure['low']:.1f} to {100 * figure['high']:.1f}"


def _interval(figure: Mapping[str, Any]) -> str:
    return "nothing to measure" if figure["value"] is None else f"{_range(figure)} %, of {figure['num']}"


def _number(figure: Mapping[str, Any]) -> str:
    return "none" if figure["value"] is None else f"{figure['value']:.1f}"


def _number_range(figure: Mapping[str, Any]) -> str:
    return "" if figure["value"] is None else f"{figure['low']:.1f} to {figure['high']:.1f}"


def _measure(value: float | str | None, unit: str) -> str:
    if value is None:
        return "not measured"
    if isinstance(value, str):
        return value[7:15] if value.startswith("sha256:") else value
    return _UNITS[unit](value)


def _short_digest(value: str) -> str:
    return value[:19] if value.startswith("sha256:") else value
