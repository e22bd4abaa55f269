"""The data sheet of a data set, after Gebru et al., Datasheets for Datasets (2021), counted from its rows."""

from typing import Final

import pandas as pd

from bentos.runtime.contract import GallerySpec
from monitoring.evidence.document import Section, Table, document, spoken
from monitoring.evidence.provenance import data_digest

_SOURCES: Final = {
    "rendered": "Drawn by the project's own renderer from catalogue facts (colour, shape, size, imprint) as a phone "
    "would photograph the pill: backgrounds, lights, blur, perspective. No person and no patient is involved.",
    "rximage": "Reference pictures of the US National Library of Medicine (RxIMAGE, C3PI): studio photographs of both "
    "sides of a pill. Believed to be in the public domain; not verified against NLM's terms.",
    "nlm_challenge": "The pill image recognition challenge of the US National Library of Medicine (2016): reference "
    "and consumer photographs.",
    "epillid": "ePillID benchmark (Usuyama et al., CVPR 2020 VDU workshop): reference and consumer photographs.",
    "folder": "A directory of the operator's own labelled photographs.",
}
_CONDITIONS: Final = ("cond_background", "cond_light", "cond_blur")


def data_sheet(rows: pd.DataFrame, *, gallery: GallerySpec, fingerprint: str, at: str) -> str:
    """The sheet as an HTML page; `rows` are those of the data set: one photograph each, with split and role."""
    sources = sorted(map(str, rows["source"].unique())) if "source" in rows.columns else []
    sections = [
        Section("Motivation", sentences=(
            "Made to train, calibrate and judge a recogniser of solid oral medication from photographs.",)),
        _composition(rows, gallery, fingerprint),
        _splits(rows),
        _conditions(rows),
        Section("Collection process", points=tuple(
            f"{name}: {_SOURCES.get(name.split(':')[0], 'Named by the operator; not described here.')}"
            for name in sources)),
        Section("Preprocessing, cleaning, labelling", points=(
            "Every file was decoded by the code that serves; what could not be decoded went to a quarantine with its "
            "reason. EXIF and all other metadata of the files were dropped.",
            "The label is the medication (NDC); pills that nobody can tell apart share one look. Photographs that are "
            "near-duplicates of each other never stand on two sides of a split, and pills that figures call “unseen” "
            "took part in no training.",
            f"{_duplicates(rows)} near-duplicates were marked.")),
        Section("Uses", sentences=(
            "Training, fitting and judging as the splits say. Not for claims about photographs of another kind: "
            "figures hold for the sources named above.",)),
        Section("Distribution and maintenance", sentences=(
            "The photographs stay with the operator, identified by their SHA-256. Licences are those of the sources. "
            "Every ingest makes a new data set with a fingerprint and a digest of its own; old ones are not changed.",
            "No field describes a person. Photographs that operators add may show hands or labels with names: look "
            "through them before they are ingested.")),
    ]  # fmt: skip
    lead = f"{len(rows):,} photographs of {rows['medication_id'].nunique():,} medications."
    foot = f"Counted {spoken(at)} from the data set; bound by digest in the statement beside it."
    return document("Data sheet", lead=lead, sections=sections, foot=foot)


def _composition(rows: pd.DataFrame, gallery: GallerySpec, fingerprint: str) -> Section:
    reference = int((rows["role"] == "reference").sum())
    facts = (
        ("Photographs", f"{len(rows) - reference:,} as people take them, {reference:,} reference pictures"),
        ("Medications", f"{rows['medication_id'].nunique():,}, of {len(gallery.medications):,} in the gallery"),
        ("Fingerprint", fingerprint),
        ("Digest of the labelled photographs", data_digest(rows)),
    )
    return Section("Composition", facts=facts)


def _splits(rows: pd.DataFrame) -> Section:
    by = [name for name in ("source", "role", "split") if name in rows.columns]
    counted = rows.groupby(by, dropna=False)["medication_id"].agg(["size", "nunique"]).reset_index()
    found = tuple((*(_said(getattr(row, name)) for name in by), f"{row.size_:,}", f"{row.nunique_:,}")
                  for row in counted.rename(columns={"size": "size_", "nunique": "nunique_"}).itertuples())  # fmt: skip
    columns = (*(name.capitalize() for name in by), "Photographs", "Medications")
    return Section("Splits", table=Table(columns, found, numeric=columns[-2:]))


def _conditions(rows: pd.DataFrame) -> Section:
    names = [name for name in ("side", *_CONDITIONS) if name in rows.columns]
    facts = tuple((name.removeprefix("cond_").capitalize(), _counts(rows[name])) for name in names)
    return Section("How they were taken", facts=facts)


def _counts(values: pd.Series) -> str:
    counted = values.fillna("not stated").replace("", "not stated").value_counts().sort_index()
    return ", ".join(f"{_said(value)} {number:,}" for value, number in counted.items())


def _duplicates(rows: pd.DataFrame) -> str:
    if "duplicate_of" not in rows.columns:
        return "No"
    return f"{int(rows['duplicate_of'].replace('', None).notna().sum()):,}"


def _said(value: object) -> str:
    text = str(value)
    return "not used" if text in ("", "nan", "None", "<NA>") else text.replace("_", " ")
