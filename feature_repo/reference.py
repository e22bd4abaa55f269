"""Reference rows: one a medication, measured on its reference pictures by the runtime's own feature code."""

from pathlib import Path

import numpy as np
import pandas as pd

from bentos.runtime.decode import decode
from bentos.runtime.features import VisualFeatures, visual_features
from bentos.runtime.locate import locate

COLUMNS = (
    "medication_id", "event_timestamp", "created", "shape_ratio", "color_histogram", "texture_features",
    "size_mm", "colors", "num_colors", "shape", "num_views",
)  # fmt: skip


def reference_rows(manifest: pd.DataFrame, *, home: Path) -> pd.DataFrame:
    """One row per medication that has a reference picture with a pill in it; columns as `COLUMNS`.

    `event_timestamp` is when the last of its reference pictures was ingested, UTC; vectors are means over the
    views: `color_histogram` (48,) summing to 1, `texture_features` (32,), both float32; `size_mm` in millimetres.
    """
    usable = manifest[(manifest["role"] == "reference") & manifest["duplicate_of"].isna() & manifest["pill_found"]]
    rows = [_row(medication_id, views, home=home) for medication_id, views in usable.groupby("medication_id")]
    return pd.DataFrame([row for row in rows if row is not None], columns=list(COLUMNS))


def _row(medication_id: str, views: pd.DataFrame, *, home: Path) -> dict | None:
    measured = [features for path in views["path"] if (features := _measured(home / path)) is not None]
    if not measured:
        return None
    first = views.iloc[0]
    ingested = pd.to_datetime(views["ingested_at"], utc=True).max()
    return {
        "medication_id": medication_id,
        "event_timestamp": ingested,
        "created": ingested,
        "shape_ratio": np.float32(np.mean([features.shape_ratio for features in measured])),
        "color_histogram": np.mean([features.color_histogram for features in measured], axis=0, dtype=np.float32),
        "texture_features": np.mean([features.texture_features for features in measured], axis=0, dtype=np.float32),
        "size_mm": np.float32(first["size_mm"]),
        "colors": first["colors"],
        "num_colors": len(first["colors"].split(";")),
        "shape": first["shape"],
        "num_views": len(measured),
    }


def _measured(path: Path) -> VisualFeatures | None:
    picture = decode(path.read_bytes())
    located = next(iter(locate(picture.rgb_HWC, alpha_HW=picture.alpha_HW)), None)
    return None if located is None else visual_features(picture.rgb_HWC, located.mask_HW)
