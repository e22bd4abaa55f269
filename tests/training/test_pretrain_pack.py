"""The compact pack of reference sides: what it holds, of a few real frames."""

from pathlib import Path

import numpy as np
import pytest

from tests.training.sides import few_frames
from training.pretrain.held_out import held_out
from training.pretrain.pack import PACK_FILE, PackError, SidePack, build_side_pack


@pytest.mark.realdata
def test_real_frames_become_two_sides_each_with_the_catalogues_facts(shared_dir: Path, tmp_path: Path) -> None:
    told: list[int] = []
    pack = build_side_pack(few_frames(shared_dir, tmp_path / "few", num=5), out=tmp_path / "out", on_side=told.append)
    rows = pack.rows
    assert len(pack) == len(rows) == told[-1] >= 8
    assert set(rows["side"]) == {"front", "back"}
    assert rows["held_out"].tolist() == [held_out(look) for look in rows["look_group"]]
    for number in range(len(pack)):
        side = pack.side(number)
        assert max(side.mask_HW.shape) <= 160
        assert side.rgb_HWC.shape == (*side.mask_HW.shape, 3)
        assert 0.5 < side.mask_HW.mean() < 0.95
    assert pack.path.stat().st_size < len(pack) * 6000
    assert np.intersect1d(pack.trainable(), np.flatnonzero(rows["held_out"])).size == 0


def test_a_directory_without_frames_and_a_file_that_is_no_pack_are_refused(tmp_path: Path) -> None:
    (tmp_path / PACK_FILE).write_bytes(b"nothing")
    with pytest.raises(PackError, match="no pack"):
        len(SidePack(tmp_path / PACK_FILE))
