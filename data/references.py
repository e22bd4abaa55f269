"""Reference pictures out of the manifest, as enrolment takes them."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from bentos.runtime.decode import decode
from bentos.runtime.enrol import ReferencePicture


def reference_pictures(manifest: pd.DataFrame, *, home: Path) -> Iterator[ReferencePicture]:
    """Stream the reference photographs in a stable order; duplicates are left out.

    `manifest` has the manifest's columns, `path` relative to `home`. A cut-out's alpha becomes its mask.
    """
    rows = manifest[(manifest["role"] == "reference") & manifest["duplicate_of"].isna()]
    for row in rows.sort_values(["medication_id", "side", "name"], kind="stable").to_dict("records"):
        picture = decode((home / row["path"]).read_bytes())
        yield ReferencePicture(
            medication_id=row["medication_id"],
            side=row["side"],
            rgb_HWC=picture.rgb_HWC,
            mask_HW=None if picture.alpha_HW is None else picture.alpha_HW > 127,
            picture_digest=f"sha256:{row['photo_id']}",
            source=row["source"],
            lot=_text(row["lot"]),
            taken_on=_text(row["taken_on"]),
        )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
