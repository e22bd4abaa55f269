"""Reference features out of the feature store, in the form the runtime compares."""

import numpy as np
import pandas as pd

from bentos.runtime.contract import read_gallery_spec
from bentos.runtime.enrol import build_gallery
from bentos.runtime.gallery import Gallery
from data.reference_features import features_by_medication
from tests.builders import NOW, tiny_catalogue, tiny_recogniser, tiny_references

ROW = {
    "medication_id": tiny_catalogue()[0].medication_id,
    "shape_ratio": 0.5,
    "color_histogram": [1.0] + [0.0] * 47,
    "texture_features": [0.25] * 32,
}


def test_a_gallery_compares_with_the_stores_features_where_it_has_them(tmp_path):
    build_gallery(tiny_recogniser(tmp_path / "recogniser"), medications=tiny_catalogue(), references=tiny_references(),
                  out=tmp_path / "gallery", name="g", now=NOW,
                  known_features=features_by_medication(pd.DataFrame([ROW])))  # fmt: skip
    gallery = Gallery.load(tmp_path / "gallery")
    owner = [view.medication_id for view in read_gallery_spec(tmp_path / "gallery").views]
    known = np.array(owner) == ROW["medication_id"]
    assert (gallery.features["shape_ratio"][known] == 0.5).all()
    assert (gallery.features["color_histogram"][known, 0] == 1).all()
    assert (gallery.features["shape_ratio"][~known] > 0.45).all()
    assert not (gallery.features["color_histogram"][~known, 0] == 1).any()
