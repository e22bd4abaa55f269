"""Builders of records and evaluations with safe defaults."""

import hashlib

import numpy as np

from monitoring.evaluate import evaluation_json
from monitoring.records import Asked, HitRecord, PhotoRecord, UnknownAsked

QUESTIONS = ("picture", "picture_and_imprint", "picture_and_partial_imprint")
HIT = HitRecord(top1=1.0, top5=1.0, average_precision=1.0)
MISS = HitRecord(top1=0.0, top5=0.0, average_precision=0.0)


class FlatHarm:
    """Every confusion weighs one; a drug whose name starts with `high` is high-alert and weighs ten."""

    def weight(self, true_drug: str, answered_drug: str) -> float:
        return 10.0 if self.is_high_alert(true_drug) or self.is_high_alert(answered_drug) else 1.0

    def is_high_alert(self, clinical_drug: str) -> bool:
        return clinical_drug.startswith("high")


def asked(*, right: bool = True, status: str = "identified", confidence: float = 0.95, **overrides) -> Asked:
    """An answer; `right` says whether its first drug is the true one."""
    hit = HIT if right else MISS
    facts = {
        "status": status, "reason": None, "typed": None, "ranking": (("a1", confidence),), "ndc": hit, "drug": hit,
        "answered_medication": "00002-0001-01.1", "answered_drug": "drug1" if right else "drug2", "correct": right,
        "confidence": confidence, "uncertainty": 1 - confidence, "unknown_probability": 0.05,
        "prediction_set": ("00001-0001-01.1",), "set_size": 1, "in_set": right, "cues": {"fast": 3.0}, "route": "fast",
        "warnings": (),
    }  # fmt: skip
    return Asked(**{**facts, **overrides})


def record(number: int = 1, *, photo: str | None = None, answer: Asked | None = None, **overrides) -> PhotoRecord:
    """A photograph of medication `number`, the same answer to every question."""
    answer = answer or asked()
    facts = {
        "photo": photo or hashlib.sha256(str(number).encode()).hexdigest(), "medication_id": f"{number:05d}-0001-01.1",
        "ndc11": f"{number:05d}-0001-01", "drug": f"drug{number}", "role": "seen",
        "slices": {"color": "WHITE", "shape": "ROUND", "background": "wood", "side": "front"},
        "answers": dict.fromkeys(QUESTIONS, answer), "alone": {"fast": answer.drug, "accurate": answer.drug},
        "unknown": (),
        "timings_ms": {"decode": 2.0, "recognise": 10.0, "total": 12.0},
    }  # fmt: skip
    return PhotoRecord(**{**facts, **overrides})


def simulated_records(
    *, num_medications: int = 40, num_each: int = 12, skill: float = 0.75, seed: int = 0
) -> list[PhotoRecord]:
    """Photographs of many medications by a recogniser that is right with about the chance `skill`."""
    rng = np.random.default_rng(seed)
    ease = np.clip(skill + rng.normal(0, 0.12, num_medications), 0.02, 0.99)
    return [
        _simulated(rng, number=number, take=take, ease=float(ease[number]), num_medications=num_medications)
        for number in range(num_medications)
        for take in range(num_each)
    ]


def _simulated(rng: np.random.Generator, *, number: int, take: int, ease: float, num_medications: int) -> PhotoRecord:
    other = (number + 1 + int(rng.integers(3))) % num_medications
    role = "unseen" if number % 10 == 9 else "fit_only" if number % 7 == 6 else "seen"
    ease = ease * {"unseen": 0.5, "fit_only": 0.7}.get(role, 1.0)
    answers = {q: _answer(rng, ease=float(chance), number=number, other=other) for q, chance in zip(
        QUESTIONS, (ease, 0.99, 0.5 + ease / 2), strict=True)}  # fmt: skip
    colors, shapes = ("WHITE", "YELLOW", "PINK", "BLUE;WHITE"), ("ROUND", "OVAL", "CAPSULE")
    return record(
        number,
        photo=hashlib.sha256(f"{number}/{take}".encode()).hexdigest(),
        drug=_drug(number),
        role=role,
        slices={
            "background": ("wood", "cloth", "hand", "paper", "dark")[take % 5],
            "light": ("daylight", "lamp", "flash")[take % 3],
            "blur": ("sharp", "soft", "motion")[int(rng.integers(3))],
            "side": ("front", "back")[take % 2],
            "color": colors[number % 4],
            "shape": shapes[number % 3],
            "imprint kind": ("debossed", "printed")[number % 2],
        },
        answers=answers,
        alone={name: _answer(rng, ease=0.85 * ease, number=number, other=other).drug for name in ("fast", "accurate")},
        unknown=tuple(_foreign(rng, size=size) for size in (16, 32, num_medications)),
        timings_ms={"decode": float(rng.gamma(9, 0.4)), "locate": float(rng.gamma(9, 1.2)),
                    "recognise": float(rng.gamma(9, 2.0)), "total": float(rng.gamma(9, 3.6))},
    )  # fmt: skip


def _answer(rng: np.random.Generator, *, ease: float, number: int, other: int) -> Asked:
    right = bool(rng.random() < ease)
    confidence = float(np.clip(rng.beta(8 * ease + 1, 3) + (0.15 if right else -0.12), 0.03, 0.995))
    identified = confidence > 0.8
    return asked(
        right=right,
        status="identified" if identified else "uncertain",
        confidence=confidence,
        drug=HIT if right else HitRecord(top1=0, top5=float(rng.random() < 0.6), average_precision=0.3),
        answered_drug=_drug(number if right else other),
        answered_medication=f"{number if right else other:05d}-0001-01.1",
        in_set=bool(right or rng.random() < 0.75),
        set_size=int(rng.integers(1, 7)),
        unknown_probability=float(rng.beta(1, 8)),
    )


def _foreign(rng: np.random.Generator, *, size: int) -> UnknownAsked:
    share = float(rng.beta(5, 3))
    status = "unknown" if share > 0.5 else "identified" if share < 0.2 else "uncertain"
    return UnknownAsked(gallery_size=size, status=status, answered_medication=None, confidence=1 - share,
                        unknown_probability=share)  # fmt: skip


_NAMES = ("warfarin 5 MG Oral Tablet", "metformin 500 MG Oral Tablet", "hydralazine 25 MG Oral Tablet",
          "lisinopril 10 MG Oral Tablet", "amlodipine 5 MG Oral Tablet")  # fmt: skip


def _drug(number: int) -> str:
    return f"{_NAMES[number % 5]}".replace(" Oral", f" #{number} Oral").casefold()


def about(**overrides) -> dict:
    """What an evaluation says about itself."""
    facts = {
        "recogniser": "sha256:" + "a1" * 32, "gallery": "sha256:" + "b2" * 32, "recogniser_name": "demo ensemble",
        "profile": "demo", "created_at": "2026-01-01T00:00:00+00:00", "promised_coverage": 0.95,
        "calibration_domain": "rendered photographs of the built-in formulary",
        "training_fingerprint": "sha256:" + "c3" * 32,
        "training_facts": {"Training photographs": "4,032 of 76 medications", "Renderer": "3"},
        "members": {"fast": "mobilenetv3_small_075, served as fp32", "accurate": "levit_128s, served as int8"},
        "num_photos": 480, "num_medications": 40, "gallery_size": 96, "gallery_appearances": 94,
        "photos_digest": "sha256:" + "d4" * 32, "seed": 0,
    }  # fmt: skip
    return {**facts, **overrides}


def evaluation(records: list[PhotoRecord] | None = None, **about_overrides) -> dict:
    """An evaluation's JSON over records, by default simulated ones."""
    records = records if records is not None else simulated_records()
    return evaluation_json(records, about=about(**{"num_photos": len(records), **about_overrides}), seed=0)
