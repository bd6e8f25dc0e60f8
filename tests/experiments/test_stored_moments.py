"""Moments are written, and analysed again without the events."""

from pathlib import Path

import pytest

from seatrial.actions.analyze import analyze
from seatrial.demo.experiment import write_experiment


def test_the_moments_tell_the_raw_effects_again(tmp_path: Path) -> None:
    files = write_experiment(tmp_path, users=1_200)
    whole = analyze(files["exposures.csv"], files["events.csv"], pre=files["pre.csv"], plan=files["plan.yaml"])
    stored = whole.write_moments(tmp_path / "moments.csv")
    again = analyze(moments=stored, plan=files["plan.yaml"])
    raw = {e.metric: e for e in whole.effects if e.adjustment == "none" and not e.slice}
    for effect in again.effects:
        assert effect.difference == pytest.approx(raw[effect.metric].difference, rel=1e-9)
        assert effect.standard_error == pytest.approx(raw[effect.metric].standard_error, rel=1e-9)
    assert len(again.readout.sequences) == len(whole.readout.sequences)
    assert [arm.units for arm in again.readout.units] == [arm.units for arm in whole.readout.units]
