"""Reference features of medications as the feature store hands them out, as the runtime compares them."""

import numpy as np
import pandas as pd

from bentos.runtime.features import VisualFeatures


def features_by_medication(rows: pd.DataFrame) -> dict[str, VisualFeatures]:
    """Medication identifier -> features; `rows` has `medication_id` and the columns of `VisualFeatures`."""
    return {
        row["medication_id"]: VisualFeatures(
            shape_ratio=float(row["shape_ratio"]),
            color_histogram=np.asarray(row["color_histogram"], np.float32),
            texture_features=np.asarray(row["texture_features"], np.float32),
        )
        for row in rows.to_dict("records")
    }
