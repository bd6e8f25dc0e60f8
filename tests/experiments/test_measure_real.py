"""`measure` on real experiments, against SciPy and least squares on the rows themselves."""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from seatrial.experiments.measure import measure
from seatrial.records.plan import ExperimentMetric
from seatrial.stats.arms import contrast

from .unit_tables import unit_table


def test_cookie_cats(shared_data: Path) -> None:
    rows = pd.read_csv(shared_data / "experiments_cookie_cats" / "cookie_cats.csv.gz")
    arm = (rows["version"] == "gate_40").to_numpy().astype(int)
    names = ["sum_gamerounds", "retention_1", "retention_7"]
    table = unit_table({name: rows[name].to_numpy(dtype=float) for name in names}, arm=arm)
    wanted = [
        ExperimentMetric(name="kept", formula="mean(retention_7)"),
        ExperimentMetric(name="rounds", formula="mean(sum_gamerounds)"),
        ExperimentMetric(name="capped", formula="mean(winsorize(sum_gamerounds, 500))"),
        ExperimentMetric(name="of_kept", formula="mean(sum_gamerounds, where=retention_1 == 1)"),
    ]
    found = {name: one.by[()] for name, one in measure(table, wanted).items()}
    assert found["kept"].n[:, 0, 0].tolist() == [44_700, 45_489]
    assert found["kept"].count is not None
    assert found["kept"].count[:, 0, 0].tolist() == [8_502, 8_279]
    for name, values in (("rounds", rows["sum_gamerounds"]), ("capped", rows["sum_gamerounds"].clip(upper=500))):
        expected = stats.ttest_ind(values[arm == 1], values[arm == 0], equal_var=False)
        got = contrast(found[name], 1).contrast
        np.testing.assert_allclose(got.p_value()[0], expected.pvalue, rtol=1e-10)
        np.testing.assert_allclose(
            [limit[0] for limit in got.interval(0.05)], list(expected.confidence_interval()), rtol=1e-9
        )
        skewness = found[name].skewness
        assert skewness is not None
        np.testing.assert_allclose(skewness[0, 0, 0], stats.skew(values[arm == 0]), rtol=1e-6)
    kept = rows["retention_1"].to_numpy(dtype=bool)
    np.testing.assert_allclose(
        found["of_kept"].value[:, 0, 0],
        [rows["sum_gamerounds"][kept & (arm == a)].mean() for a in (0, 1)],
        rtol=1e-12,
    )


def test_nsw_adjusted_as_by_least_squares(shared_data: Path) -> None:
    rows = pd.read_csv(shared_data / "experiments_rct" / "nsw_lalonde.csv")
    arm = rows["treat"].to_numpy().astype(int)
    before = ["re74", "re75", "age", "educ"]
    table = unit_table({name: rows[name].to_numpy(dtype=float) for name in ["re78", *before]}, arm=arm)
    metric = ExperimentMetric(name="earnings", formula="mean(re78)", covariates=tuple(before))
    means = measure(table, [metric])["earnings"].by[()]
    raw = contrast(means, 1)
    expected = stats.ttest_ind(rows["re78"][arm == 1], rows["re78"][arm == 0], equal_var=False)
    np.testing.assert_allclose(raw.contrast.p_value()[0], expected.pvalue, rtol=1e-10)
    adjusted = contrast(means, 1, adjusted=True)
    design = np.column_stack([np.ones(len(arm)), arm, rows[before]])
    slopes = np.linalg.lstsq(design, rows["re78"].to_numpy(), rcond=None)[0]
    np.testing.assert_allclose(adjusted.theta[0], slopes[2:], rtol=1e-7)
    np.testing.assert_allclose(adjusted.contrast.difference[0], slopes[1], rtol=1e-9)
