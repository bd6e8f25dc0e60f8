"""O4: real experiments are read and concluded; every number is checked against SciPy and statsmodels."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.stats.proportion as proportion
from scipy import optimize, stats

import seatrial as st
from seatrial.experiments.freeze import freeze
from seatrial.experiments.plan_file import parse_plan
from seatrial.experiments.plan_text import dump_plan
from seatrial.records.numbers import format_interval

Tell = Callable[..., Any]


def effect(card: dict[str, Any], metric: str, adjustment: str = "none", **where: str) -> dict[str, Any]:
    """The one effect of a metric, raw or adjusted, on a segment."""
    found = [
        one
        for one in card["effects"]
        if (one["metric"], one["adjustment"], one["slice"]) == (metric, adjustment, where)
    ]
    assert len(found) == 1, (metric, adjustment, where, len(found))
    return dict(found[0])


def finding(card: dict[str, Any], name: str) -> dict[str, Any]:
    return next(dict(one) for one in card["health"] if one["name"] == name)


def same_digits(told: Any, one: dict[str, Any], *, checked: bool = False) -> None:
    """The effect stands in every output with the same digits; JUnit holds only what a check rests on."""
    text = format_interval(one["difference"], one["low"], one["high"], signed=True)
    for page in (told.out, told.html, told.markdown, *((told.junit,) if checked else ())):
        assert text in " ".join(page.replace("\\", "").split()), (text, page[:200])


def score_interval(hits: tuple[int, int], units: tuple[int, int]) -> tuple[float, float]:
    """Miettinen and Nurminen's limits, treatment first, by maximising the likelihood at every difference.

    statsmodels is no oracle for a difference other than 0 (its issue 10269).
    """
    (x1, x0), (n1, n0) = hits, units

    def z(null: float) -> float:
        def slope(p: float) -> float:
            return x1 / (p + null) - (n1 - x1) / (1 - p - null) + x0 / p - (n0 - x0) / (1 - p)

        p0 = optimize.brentq(slope, max(0, -null) + 1e-12, min(1, 1 - null) - 1e-12, xtol=1e-15)
        p1, whole = p0 + null, n1 + n0
        variance = (p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0) * whole / (whole - 1)
        return float((x1 / n1 - x0 / n0 - null) / np.sqrt(variance))

    seen, limit = x1 / n1 - x0 / n0, stats.norm.isf(0.025)
    low = optimize.brentq(lambda null: z(null) - limit, seen - 0.2, seen - 1e-9, xtol=1e-14)
    return low, optimize.brentq(lambda null: z(null) + limit, seen + 1e-9, seen + 0.2, xtol=1e-14)


# A mobile game: the first gate at level 30, or at level 40


@pytest.fixture
def cats(shared_data: Path) -> Path:
    return shared_data / "experiments_cookie_cats" / "cookie_cats.csv.gz"


CATS = (
    "--control",
    "gate_30",
    "--metric",
    "retention_7=mean(retention_7)",
    "--metric",
    "retention_1=mean(retention_1)",
    "--metric",
    "rounds=mean(sum_gamerounds)",
    "--primary",
    "retention_7",
)


def test_o4_cookie_cats_the_later_gate_loses_players(cats: Path, tell: Tell) -> None:
    told = tell("analyze", "--units", cats, *CATS, "--exit-code")
    rows = pd.read_csv(cats)
    hits = rows.groupby("version")[["retention_1", "retention_7"]].sum()
    units = (45_489, 44_700)
    assert told.code == 1
    assert told.card["units"] == [
        {"arm": "gate_30", "units": 44_700, "share": 44_700 / 90_189, "planned_share": None, "model": None},
        {"arm": "gate_40", "units": 45_489, "share": 45_489 / 90_189, "planned_share": None, "model": None},
    ]
    for name, word in (("retention_7", "worse"), ("retention_1", "cannot tell")):
        found = effect(told.card, name)
        kept = (int(hits[name]["gate_40"]), int(hits[name]["gate_30"]))
        assert found["word"] == word
        assert found["difference"] == pytest.approx(kept[0] / units[0] - kept[1] / units[1], abs=1e-15)
        assert (found["low"], found["high"]) == pytest.approx(score_interval(kept, units), abs=1e-8)
        counts = (kept[0], units[0], kept[1], units[1])
        p = proportion.test_proportions_2indep(*counts, method="score", correction=True).pvalue
        assert found["p_value"] == pytest.approx(p, rel=1e-7)
        low, high = proportion.confint_proportions_2indep(*counts, method="score", compare="ratio", correction=True)
        assert (found["relative_low"], found["relative_high"]) == pytest.approx((low - 1, high - 1), abs=1e-7)
        same_digits(told, found, checked=name == "retention_7")
    found = effect(told.card, "retention_7")
    assert (round(found["baseline_value"], 4), round(found["candidate_value"], 4)) == (0.1902, 0.1820)
    by_arm = [rows["sum_gamerounds"][rows["version"] == arm] for arm in ("gate_40", "gate_30")]
    welch = stats.ttest_ind(*by_arm, equal_var=False)
    found = effect(told.card, "rounds")
    assert found["p_value"] == pytest.approx(welch.pvalue, rel=1e-9)
    assert (found["low"], found["high"]) == pytest.approx(tuple(welch.confidence_interval()), rel=1e-9)
    # one player with 49,854 rounds: said, not hidden
    assert finding(told.card, "heavy tails")["status"] == "warn"


def test_o4_cookie_cats_an_uneven_split_that_passes_the_rule_is_shown_with_its_p(cats: Path, tell: Tell) -> None:
    told = tell("analyze", "--units", cats, *CATS, "--weight", "gate_30=1", "--weight", "gate_40=1")
    found = finding(told.card, "sample ratio")
    assert found["status"] == "pass"
    p = stats.chisquare([44_700, 45_489]).pvalue
    assert 0.001 < p < 0.01
    assert f"p = {p:.4f}" in found["sentence"]


def test_o4_cookie_cats_a_plan_read_from_python_and_the_shell_alike(cats: Path, tell: Tell, tmp_path: Path) -> None:
    plan = freeze(
        parse_plan(
            "name: gate at 40\nunit: userid\ncontrol: gate_30\narms: {gate_30: 50, gate_40: 50}\nstopping: fixed\n"
            "metrics: {retention_7: mean(retention_7), retention_1: mean(retention_1)}\nprimary: retention_7\n"
            "guardrails: [{metric: retention_1, margin: 2%}]\nminimum_effect: 1%\n"
        )
    )
    (tmp_path / "plan.yaml").write_text(dump_plan(plan), encoding="utf-8")
    told = tell("analyze", "--plan", tmp_path / "plan.yaml", "--units", cats)
    result = st.analyze(units=pd.read_csv(cats), plan=plan)
    assert (told.verdict["status"], told.card["exploratory"]) == ("fail", False)
    assert told.card["plan_digest"] == plan.digest()
    mine = json.loads(result.to_json())
    assert mine["effects"] == told.card["effects"]
    assert mine["verdict"] == told.verdict
    assert all(one["planned"] and not one["exploratory"] for one in told.card["effects"])


def test_o4_the_same_files_give_the_same_bytes_in_any_order_of_rows(cats: Path, cli: Any, tmp_path: Path) -> None:
    first = cli("analyze", "--units", cats, *CATS, "--json", "-")
    again = cli("analyze", "--units", cats, *CATS, "--json", "-")
    assert first.code == 0
    assert again.out == first.out
    shuffled = tmp_path / cats.name.removesuffix(".gz")
    pd.read_csv(cats).sample(frac=1, random_state=3).to_csv(shuffled, index=False)
    other = cli("analyze", "--units", shuffled, *CATS, "--json", "-").json
    mine = first.json
    for one in (mine, other):
        one["provenance"].pop("sources")
    assert other == mine


def test_o4_nothing_is_left_half_written(cats: Path, cli: Any, tmp_path: Path) -> None:
    kept = tmp_path / "readout.json"
    kept.write_text("before", encoding="utf-8")
    wrong = [
        ("--metric", "x=mean(no_such_column)"),
        ("--metric", "x=mean(retention_7", "--json", kept),
        (*CATS, "--segment", "userid", "--json", kept),
        (*CATS, "--json", kept, "--report", tmp_path / "no" / "such" / "page.html"),
        (*CATS, "--json", kept, "--report", kept),
        (*CATS, "--guardrail", "retention_8:2%", "--json", kept),
        (*CATS, "--control", "gate_50", "--json", kept),
    ]
    for arguments in wrong:
        ran = cli("analyze", "--units", cats, "--report", tmp_path / "page.html", *arguments)
        assert (ran.code, ran.out) == (64, ""), arguments
        assert len(ran.err.strip().splitlines()) == 1
        assert [path.name for path in tmp_path.iterdir()] == ["readout.json"]
        assert kept.read_text(encoding="utf-8") == "before"


# Job training: earnings, with earnings before as covariates


def test_o4_lalonde_raw_and_adjusted_side_by_side(shared_data: Path, tell: Tell) -> None:
    file = shared_data / "experiments_rct" / "nsw_lalonde.csv"
    before = ("re74", "re75")
    told = tell(
        "analyze", "--units", file, "--arm", "treat", "--control", "0", "--metric", "earnings=mean(re78)",
        *(word for name in before for word in ("--covariate", f"earnings={name}")),
    )  # fmt: skip
    rows = pd.read_csv(file)
    treated, y = rows["treat"].to_numpy(), rows["re78"].to_numpy()
    raw, adjusted = effect(told.card, "earnings"), effect(told.card, "earnings", "cuped")
    assert raw["units"] == {"0": 260, "1": 185}
    assert round(raw["difference"]) == 1794
    welch = stats.ttest_ind(y[treated == 1], y[treated == 0], equal_var=False)
    assert (raw["low"], raw["high"]) == pytest.approx(tuple(welch.confidence_interval()), rel=1e-9)
    assert raw["p_value"] == pytest.approx(welch.pvalue, rel=1e-9)
    # theta pooled within arms is the slope of least squares with a term for the arm
    fitted = sm.OLS(y, np.column_stack([np.ones(len(y)), treated, rows[list(before)]])).fit()
    assert adjusted["difference"] == pytest.approx(fitted.params[1], rel=1e-9)
    rest = y - rows[list(before)].to_numpy() @ fitted.params[2:]
    error = stats.ttest_ind(rest[treated == 1], rest[treated == 0], equal_var=False)
    half = np.sqrt(sum(np.var(rest[treated == arm], ddof=1) / np.sum(treated == arm) for arm in (0, 1)))
    assert adjusted["standard_error"] == pytest.approx(half, rel=1e-9)
    assert (adjusted["low"], adjusted["high"]) == pytest.approx(tuple(error.confidence_interval()), rel=2e-3)
    assert adjusted["standard_error"] == pytest.approx(fitted.get_robustcov_results("HC2").bse[1], rel=0.02)
    assert (adjusted["decides"], raw["decides"]) == (True, False)
    assert adjusted["word"] == raw["word"] == "better"
    same_digits(told, raw)
    same_digits(told, adjusted, checked=True)
    # 260 against 185 was no coin: without a plan that is a question, and with the shares said it is fine
    assert finding(told.card, "sample ratio")["status"] == "warn"
    assert finding(told.card, "before the experiment")["status"] == "pass"
    said = tell(
        "analyze", "--units", file, "--arm", "treat", "--control", "0", "--metric", "earnings=mean(re78)",
        "--weight", "0=260", "--weight", "1=185",
    )  # fmt: skip
    assert finding(said.card, "sample ratio")["status"] == "pass"


# Made-up applicants: does a name change how many are called back?


def test_o4_resume_names_are_called_back_less(shared_data: Path, tell: Tell) -> None:
    file = shared_data / "experiments_rct" / "resume_names_audit.csv"
    told = tell(
        "analyze", "--units", file, "--arm", "ethnicity", "--control", "cauc", "--segment", "city",
        "--metric", "callback=mean(call == 'yes')",
    )  # fmt: skip
    found = effect(told.card, "callback")
    counts = {one["model"]: (one["value"] * one["n"], one["n"]) for one in told.card["estimates"]}
    assert counts["cauc"] == pytest.approx((235, 2_435))
    assert counts["afam"] == pytest.approx((157, 2_435))
    assert (found["low"], found["high"]) == pytest.approx(score_interval((157, 235), (2_435, 2_435)), abs=1e-8)
    assert found["word"] == "worse"
    same_digits(told, found, checked=True)
    rows = pd.read_csv(file)
    for city in ("boston", "chicago"):
        rates = (rows[rows["city"] == city]["call"] == "yes").groupby(rows["ethnicity"]).mean()
        one = effect(told.card, "callback", city=city)
        assert one["difference"] == pytest.approx(rates["afam"] - rates["cauc"], abs=1e-12)
        assert one["exploratory"]
    asked = next(one for one in told.card["segment_tests"] if one["segment"] == "city")
    assert (asked["planned"], asked["df"]) == (False, 1)
    assert asked["p_value"] > 0.05


# Paid to learn one's HIV status: money by person, distance by village


@pytest.fixture
def thornton(shared_data: Path, tmp_path: Path) -> tuple[Path, pd.DataFrame]:
    """People with a result to fetch; `walk` is far where the people of a village live over 1.5 km away on average."""
    rows = pd.read_csv(shared_data / "experiments_rct" / "thornton_hiv.csv")
    rows = rows.dropna(subset=["villnum", "distvct", "got", "any"]).reset_index(drop=True)
    far = rows.groupby("villnum")["distvct"].transform("mean") > 1.5
    rows = rows.assign(walk=np.where(far, "far", "near"), villnum=rows["villnum"].astype(int))
    place = tmp_path / "thornton.csv"
    rows.to_csv(place, index=False)
    return place, rows


def cr2(y: np.ndarray, treated: np.ndarray, clusters: np.ndarray) -> tuple[float, float]:
    """Difference of arms and its CR2 standard error by the matrices of Bell and McCaffrey (2002), as they stand."""
    x = np.column_stack([np.ones(len(y)), treated]).astype(float)
    bread = np.linalg.inv(x.T @ x)
    slopes = bread @ x.T @ y
    rest = y - x @ slopes
    meat = np.zeros((2, 2))
    for cluster in np.unique(clusters):
        mine = clusters == cluster
        xg = x[mine]
        values, vectors = np.linalg.eigh(np.eye(mine.sum()) - xg @ bread @ xg.T)
        root = vectors @ np.diag(1 / np.sqrt(np.maximum(values, 1e-14))) @ vectors.T
        score = xg.T @ root @ rest[mine]
        meat += np.outer(score, score)
    return float(slopes[1]), float(np.sqrt((bread @ meat @ bread)[1, 1]))


def test_o4_thornton_villages_are_the_units_where_villages_differ(
    thornton: tuple[Path, pd.DataFrame], tell: Tell
) -> None:
    file, rows = thornton
    told = tell(
        "analyze", "--units", file, "--arm", "walk", "--control", "near", "--cluster", "villnum",
        "--metric", "fetched=mean(got)",
    )  # fmt: skip
    found = effect(told.card, "fetched")
    treated = (rows["walk"] == "far").to_numpy()
    difference, error = cr2(rows["got"].to_numpy(), treated, rows["villnum"].to_numpy())
    assert found["difference"] == pytest.approx(difference, abs=1e-12)
    assert found["standard_error"] == pytest.approx(error, rel=1e-9)
    assert found["method"].startswith("CR2")
    assert found["units"] == rows.groupby("walk")["villnum"].nunique().to_dict()
    assert found["unit"] == "villnum"
    assert sum(one["units"] for one in told.card["units"]) == rows["villnum"].nunique()
    # a village's people resemble each other: as many independent persons the interval would be far too narrow
    naive = stats.ttest_ind(rows["got"][treated], rows["got"][~treated], equal_var=False).confidence_interval()
    assert found["high"] - found["low"] > 1.2 * (naive.high - naive.low)


def test_o4_thornton_money_was_drawn_by_person(thornton: tuple[Path, pd.DataFrame], tell: Tell) -> None:
    file, rows = thornton
    told = tell("analyze", "--units", file, "--arm", "any", "--control", "0", "--metric", "fetched=mean(got)")
    found = effect(told.card, "fetched")
    hits = rows.groupby("any")["got"].sum().astype(int)
    units = rows.groupby("any").size()
    limits = score_interval((hits[1.0], hits[0.0]), (units[1.0], units[0.0]))
    assert (found["low"], found["high"]) == pytest.approx(limits, abs=1e-8)
    assert found["word"] == "better"
    # villages hold both arms: they are not what was drawn, and taking them as units is refused, not computed
    wrong = tell(
        "analyze", "--units", file, "--arm", "any", "--control", "0", "--cluster", "villnum",
        "--metric", "fetched=mean(got)",
    )  # fmt: skip
    assert wrong.verdict["status"] == "invalid"
    assert finding(wrong.card, "crossovers")["status"] == "fail"


# ASOS: 78 real tests as moments over time, cumulative


@pytest.fixture
def asos(shared_data: Path) -> Path:
    return shared_data / "experiments_asos" / "asos_digital_experiments.csv.gz"


def asos_rows(file: Path, experiment: str, variant: int, metric: int) -> pd.DataFrame:
    rows = pd.read_csv(file)
    mine = (rows["experiment_id"] == experiment) & (rows["variant_id"] == variant) & (rows["metric_id"] == metric)
    return rows[mine].sort_values("time_since_start").reset_index(drop=True)


def asos_plan(folder: Path, rule: str, effect_size: str = "0.002") -> Path:
    place = folder / "plan.yaml"
    text = (
        f"name: asos\nunit: visitor\ncontrol: control\narms: {{control: 50, '2': 50}}\nprimary: '1'\n"
        f"metrics: {{'1': mean(converted)}}\nminimum_effect: {effect_size}\nstopping: {rule}\n"
    )
    place.write_text(dump_plan(freeze(parse_plan(text))), encoding="utf-8")
    return place


def test_o4_asos_the_last_day_is_welch_on_the_published_moments(asos: Path, tell: Tell) -> None:
    told = tell("analyze", "--moments", asos, "--experiment", "036afc/2")
    for metric in (1, 2, 3, 4):
        last = asos_rows(asos, "036afc", 2, metric).iloc[-1]
        found = effect(told.card, str(metric))
        expected = stats.ttest_ind_from_stats(
            last.mean_t, np.sqrt(last.variance_t), last.count_t, last.mean_c, np.sqrt(last.variance_c), last.count_c,
            equal_var=False,
        )  # fmt: skip
        assert found["difference"] == pytest.approx(last.mean_t - last.mean_c, rel=1e-9)
        assert found["p_value"] == pytest.approx(expected.pvalue, rel=1e-6)
        error = np.sqrt(last.variance_t / last.count_t + last.variance_c / last.count_c)
        assert found["standard_error"] == pytest.approx(error, rel=1e-9)
        assert found["units"] == {"control": last.count_c, "2": last.count_t}
    assert told.card["exploratory"]
    assert all(look["low"] is None for sequence in told.card["sequences"] for look in sequence["looks"])


def test_o4_asos_a_sequence_that_may_be_looked_at_every_day(asos: Path, tell: Tell, tmp_path: Path) -> None:
    told = tell("analyze", "--moments", asos, "--experiment", "036afc/2", "--plan", asos_plan(tmp_path, "anytime"))
    rows = asos_rows(asos, "036afc", 2, 1)
    error = np.sqrt(rows.variance_t / rows.count_t + rows.variance_c / rows.count_c)
    (sequence,) = [one for one in told.card["sequences"] if one["metric"] == "1"]
    looks = sequence["looks"]
    assert (looks[0]["units"], looks[-1]["units"]) == (
        rows.count_c[0] + rows.count_t[0],
        rows.count_c.iloc[-1] + rows.count_t.iloc[-1],
    )
    tuned = -2 * np.log(0.05) + np.log(1 - 2 * np.log(0.05))
    at = {int(c + t): k for k, (c, t) in enumerate(zip(rows.count_c, rows.count_t, strict=True))}
    last = looks[-1]["information"] * error.iloc[-1] ** 2
    for look in looks:
        k = at[look["units"]]
        # some means were published with nine digits: the whole count behind them is restored
        assert look["difference"] == pytest.approx(rows.mean_t[k] - rows.mean_c[k], abs=2e-9)
        # the clock: information is 1/se^2, in shares of one planned amount
        assert look["information"] == pytest.approx(last / error[k] ** 2, rel=1e-6)
        x = tuned * look["information"]
        half = error[k] * np.sqrt(2 * (x + 1) / x * np.log(np.sqrt(x + 1) / 0.05))
        assert (look["low"], look["high"]) == pytest.approx(
            (look["difference"] - half, look["difference"] + half), rel=1e-6, abs=1e-10
        )
        assert look["low"] < look["fixed_low"] < look["fixed_high"] < look["high"]
    whole = effect(told.card, "1")
    assert (whole["low"], whole["high"]) == (looks[-1]["low"], looks[-1]["high"])


@pytest.mark.parametrize("rule", ["fixed", "hybrid", "{rule: group-sequential, looks: 5}"])
def test_o4_asos_every_other_rule_reads_the_same_difference(rule: str, asos: Path, tell: Tell, tmp_path: Path) -> None:
    told = tell("analyze", "--moments", asos, "--experiment", "036afc/2", "--plan", asos_plan(tmp_path, rule))
    last = asos_rows(asos, "036afc", 2, 1).iloc[-1]
    found = effect(told.card, "1")
    error = np.sqrt(last.variance_t / last.count_t + last.variance_c / last.count_c)
    assert found["standard_error"] == pytest.approx(error, rel=1e-9)
    if found["difference"] is not None:
        assert found["difference"] == pytest.approx(last.mean_t - last.mean_c, rel=1e-6)
    half = stats.norm.isf(0.025) * error
    if found["low"] is not None and found["high"] is not None:
        assert found["high"] - found["low"] >= 2 * half * (1 - 1e-6)
    same = tell("analyze", "--moments", asos, "--experiment", "036afc/2", "--plan", tmp_path / "plan.yaml")
    assert same.card == told.card


def test_o4_asos_a_broken_split_is_invalid_and_a_planned_one_is_not(asos: Path, tell: Tell) -> None:
    told = tell("analyze", "--moments", asos, "--experiment", "329386/1", "--exit-code")
    assert (told.code, told.verdict["status"]) == (3, "invalid")
    last = asos_rows(asos, "329386", 1, 1).iloc[-1]
    assert stats.chisquare([last.count_c, last.count_t]).pvalue < 0.001
    assert finding(told.card, "sample ratio")["status"] == "fail"
    uneven = asos_rows(asos, "54a85a", 0, 1).iloc[-1]
    fair = tell(
        "analyze", "--moments", asos, "--experiment", "54a85a/0",
        "--weight", f"control={uneven.count_c}", "--weight", f"0={uneven.count_t}",
    )  # fmt: skip
    assert finding(fair.card, "sample ratio")["status"] == "pass"
