"""Scorecards made by hand, for the renderers: realistic in shape, and hostile where data can be."""

import math
from itertools import product

from seatrial.effects.effect import UNDIRECTED
from seatrial.records import (
    Check,
    ClassFlips,
    Confusion,
    Curve,
    Effect,
    Estimate,
    Example,
    Finding,
    Flips,
    Policy,
    Provenance,
    Rule,
    Scorecard,
    Source,
    Verdict,
)
from seatrial.records.scorecard import MetricInfo

N = 16_281
DIGEST = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"
HOSTILE = "<script>alert(1)</script> \x1b[31mred\u202egnp.exe @octocat `tick` | pipe [x](http://evil.example) \x00"

METRICS = (
    MetricInfo(
        name="roc_auc",
        summary="chance that a positive row is scored above a negative one",
        formula="area under the ROC curve",
        higher_is_better=True,
        kind="ranks",
    ),
    MetricInfo(
        name="accuracy",
        summary="share of rows predicted right",
        formula="mean(target == prediction)",
        higher_is_better=True,
        kind="means",
    ),
    MetricInfo(
        name="f1",
        summary="harmonic mean of precision and recall",
        formula="2*tp / (2*tp + fp + fn)",
        higher_is_better=True,
        kind="means",
    ),
    MetricInfo(
        name="precision",
        summary="share of rows called positive that are",
        formula="tp / (tp + fp)",
        higher_is_better=True,
        kind="means",
    ),
    MetricInfo(
        name="recall",
        summary="share of positive rows that are found",
        formula="tp / (tp + fn)",
        higher_is_better=True,
        kind="means",
    ),
    MetricInfo(
        name="log_loss",
        summary="cost of confident mistakes",
        formula="-mean(log(score of the true class))",
        higher_is_better=False,
        kind="means",
    ),
    MetricInfo(
        name="brier_score",
        summary="mean squared error of the scores",
        formula="mean((score - target)**2)",
        higher_is_better=False,
        kind="means",
    ),
    MetricInfo(
        name="ece",
        summary="distance of scores from observed shares",
        formula="sum of w_b |observed - score|",
        higher_is_better=False,
        kind="resampled",
    ),
    *(
        MetricInfo(
            name=f"latency_ms.{name}",
            summary=f"{name} of latency_ms",
            formula=f"{name}(latency_ms)",
            higher_is_better=False,
            scale="ms",
            kind="ranks",
        )
        for name in ("mean", "p50", "p90", "p95", "p99")
    ),
)

#: metric: (baseline, candidate, half-width of each, half-width of the difference, margin, relative, n, methods)
_VALUES = {
    "roc_auc": (0.90562, 0.92713, 0.0048, 0.0025, 0.01, False, N, ("DeLong, logit scale", "DeLong, paired")),
    "accuracy": (0.85204, 0.87261, 0.0054, 0.0041, 0.01, False, N, ("Wilson", "Tango score")),
    "f1": (
        0.65912,
        0.71377,
        0.0122,
        0.0098,
        0.01,
        False,
        N,
        ("Wilson on tp/(tp+fp+fn), mapped to F1", "paired t on influences"),
    ),
    "precision": (0.73901, 0.77512, 0.0150, 0.0121, 0.01, False, 3344, ("Wilson", "paired t on influences")),
    "recall": (0.59482, 0.66147, 0.0157, 0.0129, 0.01, False, 3846, ("Wilson", "Tango score")),
    "log_loss": (0.31923, 0.27841, 0.0078, 0.0041, 0.02, True, N, ("delta method, t", "paired t")),
    "brier_score": (0.10221, 0.08812, 0.0026, 0.0014, 0.02, True, N, ("delta method, t", "paired t")),
}
_WORD = ("better", "worse", "no meaningful difference", "cannot tell")


def effect(
    metric: str,
    baseline: float,
    candidate: float,
    half: float,
    *,
    n: int = N,
    margin: float | None = 0.01,
    relative: bool = False,
    higher: bool = True,
    method: str = "Tango score",
    scale: str | None = None,
    names: tuple[str, str] = ("logistic", "boosting"),
    of: dict[str, str] | None = None,
    exploratory: bool = False,
    small: bool = False,
    level: float = 0.95,
    adjusted: bool = False,
) -> Effect:
    """One effect whose word follows from its interval."""
    difference = round(candidate - baseline, 6)
    low, high = round(difference - half, 6), round(difference + half, 6)
    m = (margin or 0.0) * (abs(baseline) if relative else 1.0)
    good = (low, high) if higher else (-high, -low)
    word = (
        _WORD[0] if good[0] > 0 else _WORD[1] if good[1] < 0 else _WORD[2] if good[0] > -m and good[1] < m else _WORD[3]
    )
    z = abs(difference) / (half / 1.96)
    p = math.erfc(z / math.sqrt(2))
    oriented = difference if higher else -difference
    return Effect(
        baseline=names[0],
        candidate=names[1],
        metric=metric,
        slice=of or {},
        n=n,
        baseline_value=baseline,
        candidate_value=candidate,
        difference=difference,
        low=low,
        high=high,
        level=level,
        p_value=p,
        adjusted_p_value=min(1.0, 2 * p) if adjusted else None,
        word=word,
        margin=margin,
        margin_is_relative=relative,
        smaller_than_margin=word in _WORD[:2] and max(abs(low), abs(high)) < m,
        standard_error=half / 1.96,
        smallest_detectable_effect=2.8 * half / 1.96,
        rows_needed=None if not m else math.ceil(n * (2.8 * half / 1.96 / m) ** 2),
        method=method,
        scale=scale,
        higher_is_better=higher,
        exploratory=exploratory,
        small=small,
        shrunken=difference * 0.7 if exploratory else None,
        impact=-oriented * n if exploratory else None,
    )


def estimate(
    model: str,
    metric: str,
    value: float,
    half: float,
    *,
    n: int = N,
    method: str = "Wilson",
    scale: str | None = None,
    higher: bool = True,
    of: dict[str, str] | None = None,
) -> Estimate:
    return Estimate(
        model=model,
        metric=metric,
        slice=of or {},
        n=n,
        value=value,
        standard_error=half / 1.96,
        low=round(value - half, 6),
        high=round(value + half, 6),
        method=method,
        scale=scale,
        higher_is_better=higher,
    )


def _adult_estimates() -> list[Estimate]:
    found = []
    for metric, (baseline, candidate, half, _, _, relative, n, methods) in _VALUES.items():
        found += [
            estimate(model, metric, value, half, n=n, method=methods[0], higher=not relative)
            for model, value in (("logistic", baseline), ("boosting", candidate))
        ]
    found += [
        estimate(model, "ece", value, 0.004, method="Clopper-Pearson bands", higher=False)
        for model, value in (("logistic", 0.01871), ("boosting", 0.01123))
    ]
    for name, first, second, half in (
        ("mean", 0.0612, 3.412, 0.008),
        ("p50", 0.0588, 3.391, 0.003),
        ("p90", 0.0703, 3.702, 0.006),
        ("p95", 0.0759, 3.911, 0.012),
        ("p99", 0.1103, 5.204, 0.081),
    ):
        method = "delta method, t" if name == "mean" else "order statistics"
        found += [
            estimate(
                model,
                f"latency_ms.{name}",
                value,
                half * (0.05 if model == "logistic" else 1),
                method=method,
                scale="ms",
                higher=False,
            )
            for model, value in (("logistic", first), ("boosting", second))
        ]
    return found


def _adult_effects() -> list[Effect]:
    found = []
    for metric, (baseline, candidate, _, half, margin, relative, n, methods) in _VALUES.items():
        found.append(
            effect(
                metric,
                baseline,
                candidate,
                half,
                n=n,
                margin=margin,
                relative=relative,
                higher=not relative,
                method=methods[1],
                adjusted=metric == "roc_auc",
            )
        )
    found.append(
        effect(
            "latency_ms.p95",
            0.0759,
            3.911,
            0.012,
            margin=0.05,
            relative=True,
            higher=False,
            scale="ms",
            method="order statistics",
        )
    )
    share = effect("selection_rate", 0.19012, 0.20155, 0.0031)
    found.append(share.model_copy(update={"word": "cannot tell", "notes": (UNDIRECTED,)}))
    found.append(
        Effect(
            baseline="logistic",
            candidate="boosting",
            metric="expected_calibration_error",
            n=N,
            baseline_value=0.012344,
            candidate_value=0.0098761,
            difference=-0.0024679,
            reason="a difference of two calibration errors has no sound interval",
            higher_is_better=False,
        )
    )
    found.append(effect("recall", 0.5492, 0.5119, 0.0321, n=590, margin=0.02, of={"sex": "Female"}))
    found.append(
        Effect(
            baseline="logistic",
            candidate="boosting",
            metric="recall",
            slice={"race": "Other"},
            n=0,
            reason="no positive rows in race=Other",
            margin=0.01,
        )
    )
    return found


SEXES = ("Female", "Male")
AGES = ("17 to 28", "29 to 37", "38 to 48", "49 to 90")


def explored(
    metrics: tuple[str, ...], slices: list[dict[str, str]], names: tuple[str, str] = ("logistic", "boosting")
) -> list[Effect]:
    """Explored effects of every metric on every slice, the largest loss first."""
    found = []
    for place, of in enumerate(slices):
        n = max(12, int(N / (1.6 + 0.31 * place)) - 37 * place % 1009)
        for step, metric in enumerate(metrics):
            shift = 0.03 * math.sin(1.7 * place + step) + 0.008
            found.append(
                effect(
                    metric,
                    0.82,
                    round(0.82 + shift, 5),
                    round(1.1 / math.sqrt(n), 5),
                    n=n,
                    exploratory=True,
                    small=n < 100,
                    names=names,
                    of=of,
                    level=0.97,
                )
            )
    return sorted(found, key=lambda one: -(one.impact or 0))


def _adult_slices() -> list[dict[str, str]]:
    return [
        *({"sex": sex} for sex in SEXES),
        *({"age": age} for age in AGES),
        *({"sex": sex, "age": age} for sex, age in product(SEXES, AGES)),
        {"workclass": "Without-pay"},
        {"education": HOSTILE},
    ]


def curves(models: tuple[str, ...], *, points: int = 400) -> list[Curve]:
    found = []
    for place, model in enumerate(models):
        power = 0.155 - 0.035 * math.sin(place + 0.4)
        x = tuple(round((step / points) ** 2, 6) for step in range(points + 1))
        found.append(Curve(model=model, kind="roc", x=x, y=tuple(round(one**power, 6) for one in x)))
        recall = tuple(round(step / points, 6) for step in range(points + 1))
        found.append(
            Curve(
                model=model,
                kind="precision_recall",
                x=recall,
                y=tuple(round(1 - 0.76 * one ** (2.2 + 0.3 * place), 6) for one in recall),
            )
        )
        score = tuple(round((bin_ + 0.5) / 15, 6) for bin_ in range(15))
        share = tuple(round(min(1, max(0, one + 0.05 * math.sin(6 * one + place))), 6) for one in score)
        found.append(
            Curve(
                model=model,
                kind="reliability",
                x=score,
                y=share,
                low=tuple(round(max(0, one - 0.03), 6) for one in share),
                high=tuple(round(min(1, one + 0.03), 6) for one in share),
                count=(1085,) * 15,
            )
        )
    return found


def _example(place: int, *, lost: bool) -> Example:
    right, wrong = (">50K", "<=50K") if place % 2 else ("<=50K", ">50K")
    return Example(
        id=str(4000 + 17 * place),
        target=right,
        baseline=right if lost else wrong,
        candidate=wrong if lost else right,
        baseline_score=0.61 - 0.01 * place,
        candidate_score=0.31 + 0.01 * place,
        columns={
            "age": str(28 + place),
            "sex": SEXES[place % 2],
            "education": HOSTILE if place == 1 else "Some-college",
            "workclass": "Private",
            "hours": "40",
        },
    )


def provenance(models: tuple[str, ...], *, task: str = "binary", rows: int = N) -> Provenance:
    return Provenance(
        seatrial="0.1.0",
        libraries={"duckdb": "2.0.0", "numpy": "2.4.0", "scipy": "1.17.0", "sqlglot": "30.1.0"},
        seed=0,
        sources=tuple(
            Source(model=model, name=f"{model}.parquet", sha256=DIGEST, rows=rows, matched=rows) for model in models
        ),
        roles={
            "target": "target",
            "prediction": "prediction",
            "score": "score",
            "id": "id",
            "operational": ["latency_ms"],
        },
        task=task,
        positive=">50K" if task == "binary" else None,
        threshold=0.5 if task == "binary" else None,
        slices=("sex", "age:quartiles", "education"),
        policy_digest=DIGEST,
        arguments={"by": ["sex", "age:quartiles", "education"], "cross": "2", "policy": "policy.yaml"},
    )


HEALTH = (
    Finding(name="duplicate ids", status="pass", sentence="No id occurs twice."),
    Finding(name="matched ids", status="pass", sentence="All 16,281 ids are in both files.", count=N),
    Finding(name="targets agree", status="pass", sentence="Both files hold the same targets."),
    Finding(name="label sets", status="pass", sentence="Both files use the labels '<=50K' and '>50K'."),
    Finding(name="scores are probabilities", status="pass", sentence="All scores lie between 0 and 1."),
    Finding(
        name="target leaks",
        status="warn",
        sentence=(
            "Column 'education' agrees with the target on 78 % of rows: look whether it was known at prediction time."
        ),
        count=1,
    ),
)

POLICY = Policy(
    name="adult-income",
    rules=(
        Rule(metric="roc_auc", role="success", margin=0.01),
        Rule(metric="recall", role="guardrail", margin=0.01),
        Rule(metric="recall", role="guardrail", slice={"sex": "Female"}, margin=0.02),
        Rule(metric="latency_ms.p95", role="guardrail", below=10.0),
    ),
)

NOT_SHOWN = (
    "How much the result would change if the models were trained again: one training seed each.",
    "Rows after the census of 1994: the labels are as old as the data.",
    "Cost: no cost column was given.",
    "Whether users notice: this is an offline comparison.",
)


def _adult_checks() -> tuple[Check, ...]:
    return (
        Check(
            name="roc_auc better",
            role="success",
            status="pass",
            metric="roc_auc",
            candidate="boosting",
            condition="better than the baseline",
            tested_value=0.0,
            p_value=1e-12,
            level=0.95,
            reason="roc_auc is better than logistic (+0.0215 [+0.0190, +0.0240] at 95 %).",
        ),
        Check(
            name="recall at most 0.01 worse",
            role="guardrail",
            status="pass",
            metric="recall",
            candidate="boosting",
            condition="at most 0.01 worse than the baseline",
            tested_value=-0.01,
            p_value=1e-8,
            margin=0.01,
            level=0.95,
            reason=(
                "recall is better than logistic (+0.067 [+0.054, +0.080] at 95 %, margin 0.01)."
            ),
        ),
        Check(
            name="recall (sex=Female) at most 0.02 worse",
            role="guardrail",
            status="fail",
            metric="recall",
            candidate="boosting",
            slice={"sex": "Female"},
            condition="at most 0.02 worse than the baseline",
            tested_value=-0.02,
            p_value=0.0004,
            margin=0.02,
            level=0.95,
            reason=(
                "recall for sex=Female is worse than the margin allows (-0.037 [-0.069, -0.005] "
                "at 95 %, margin 0.02)."
            ),
        ),
        Check(
            name="latency_ms.p95 below 10 ms",
            role="guardrail",
            status="pass",
            metric="latency_ms.p95",
            candidate="boosting",
            condition="below 10 ms",
            tested_value=10.0,
            level=0.95,
            reason="latency_ms.p95 is 3.911 [3.899, 3.923] ms, below its bound of 10 ms; interval at 95 %.",
        ),
    )


def adult() -> Scorecard:
    """Two models on the Adult census; one of four checks fails."""
    models = ("logistic", "boosting")
    lost, gained = (tuple(_example(place, lost=lost) for place in range(12)) for lost in (True, False))
    return Scorecard(
        verdict=Verdict(
            status="fail",
            mixed=True,
            candidate="boosting",
            policy_digest=DIGEST,
            evidence_digest=DIGEST,
            checks=_adult_checks(),
            sentence=(
                "Do not ship boosting (mixed): roc_auc is better than logistic (+0.0215 [+0.0190, +0.0240]), but "
                "recall for sex=Female is worse than the margin allows (-0.037 [-0.069, -0.005], "
                "margin 0.02)."
            ),
        ),
        title="boosting against logistic on Adult census",
        task="binary",
        models=models,
        lead_metric="roc_auc",
        estimates=tuple(_adult_estimates()),
        effects=(*_adult_effects(), *explored(("roc_auc", "accuracy", "recall"), _adult_slices())),
        health=HEALTH,
        flips=(
            Flips(
                baseline="logistic",
                candidate="boosting",
                n=N,
                gained=719,
                lost=384,
                changed=1103,
                churn=1103 / N,
                mcnemar_p_value=1.4e-24,
                by_class=(
                    ClassFlips(label="<=50K", n=12435, gained=301, lost=222),
                    ClassFlips(label=">50K", n=3846, gained=418, lost=162),
                ),
                lost_examples=lost,
                gained_examples=gained,
            ),
        ),
        confusions=(
            Confusion(model="logistic", labels=("<=50K", ">50K"), counts=((11584, 851), (1558, 2288))),
            Confusion(model="boosting", labels=("<=50K", ">50K"), counts=((11663, 772), (1302, 2544))),
        ),
        curves=tuple(curves(models)),
        reference=(
            estimate("always '<=50K'", "accuracy", 0.76377, 0.0065),
            estimate("always '<=50K'", "recall", 0.0, 0.0, n=3846).model_copy(
                update={"low": 0.0, "high": 0.00096, "method": "Clopper-Pearson"}
            ),
        ),
        policy=POLICY,
        metrics=METRICS,
        assumptions=(
            "target = column 'target' (--target)",
            "positive class = '>50K' (--positive)",
            "threshold = 0.5 (--threshold)",
        ),
        not_shown=NOT_SHOWN,
        provenance=provenance(models),
    )


def inconclusive() -> Scorecard:
    """Too few rows to tell."""
    found = (
        effect("roc_auc", 0.9056, 0.9171, 0.0241, n=402, method="DeLong, paired"),
        effect("recall", 0.5948, 0.6211, 0.0613, n=97),
    )
    checks = (
        Check(
            name="roc_auc better",
            role="success",
            status="inconclusive",
            metric="roc_auc",
            candidate="boosting",
            condition="better than the baseline",
            tested_value=0.0,
            p_value=0.349,
            reason=(
                "roc_auc may be better or worse than logistic (+0.012 [-0.013, +0.036] at 95 %); it would take "
                "about 4,770 rows (there are 402)."
            ),
        ),
        Check(
            name="recall at most 0.01 worse",
            role="guardrail",
            status="inconclusive",
            metric="recall",
            candidate="boosting",
            condition="at most 0.01 worse than the baseline",
            tested_value=-0.01,
            p_value=0.24,
            reason=(
                "recall may be worse than the margin allows (+0.03 [-0.04, +0.09] at 95 %, margin 0.01)."
            ),
        ),
    )
    return adult().model_copy(
        update={
            "verdict": Verdict(
                status="inconclusive",
                candidate="boosting",
                checks=checks,
                sentence=(
                    "Cannot tell yet whether to ship boosting: roc_auc may be better or worse than logistic "
                    "(+0.012 [-0.013, +0.036]). "
                    "It would take about 4,770 rows (there are 402)."
                ),
            ),
            "effects": found,
            "policy": Policy(rules=POLICY.rules[:2]),
            "flips": (),
            "curves": (),
            "confusions": (),
            "health": HEALTH[:5],
            "estimates": tuple(one for one in adult().estimates if one.metric in ("roc_auc", "recall")),
        }
    )


def passing() -> Scorecard:
    """Everything holds; one secondary check does not, and does not matter."""
    card = adult()
    checks = tuple(check for check in card.verdict.checks if check.status == "pass")
    secondary = Check(
        name="precision better",
        role="secondary",
        status="inconclusive",
        metric="precision",
        candidate="boosting",
        condition="better than the baseline",
        reason="precision may be better or worse.",
    )
    return card.model_copy(
        update={
            "verdict": Verdict(
                status="pass",
                candidate="boosting",
                checks=(*checks, secondary),
                sentence=(
                    "Ship boosting: roc_auc is better than logistic (+0.0215 [+0.0190, +0.0240]), and all 2 "
                    "guardrails hold."
                ),
            ),
            "policy": Policy(name="adult-income", rules=(POLICY.rules[0], POLICY.rules[1], POLICY.rules[3])),
            "health": HEALTH[:5],
            "effects": tuple(one for one in card.effects if one.slice != {"sex": "Female"} or one.exploratory),
        }
    )


def invalid() -> Scorecard:
    """Data that cannot carry a verdict."""
    models = ("logistic", "boosting")
    return Scorecard(
        verdict=Verdict(
            status="invalid", sentence="These data cannot carry a verdict: 14 ids occur twice in boosting.csv."
        ),
        title="boosting against logistic",
        task="binary",
        models=models,
        lead_metric="roc_auc",
        estimates=(),
        effects=(),
        health=(
            Finding(
                name="duplicate ids",
                status="fail",
                sentence="14 ids occur twice in boosting.csv, first '1003'.",
                count=14,
            ),
            *HEALTH[1:3],
        ),
        policy=POLICY,
        metrics=METRICS,
        not_shown=("Everything: no result was computed.",),
        provenance=provenance(models),
    )


def regression() -> Scorecard:
    """House prices: no scores, no classes; errors in USD."""
    models = ("ridge", "forest")
    names = ("ridge", "forest")
    found = (
        effect(
            "mean_absolute_error",
            21_431.2,
            18_904.7,
            1_204.0,
            n=1460,
            margin=0.02,
            relative=True,
            higher=False,
            names=names,
            scale="USD",
            method="paired t",
        ),
        effect(
            "root_mean_squared_error",
            33_912.8,
            31_207.1,
            3_411.0,
            n=1460,
            margin=0.02,
            relative=True,
            higher=False,
            names=names,
            scale="USD",
            method="paired t on influences",
        ),
        effect("r2", 0.8123, 0.8411, 0.0251, n=1460, names=names, method="paired t on influences"),
        effect("profit", 1203.4, 1391.0, 122.0, n=1460, names=names, margin=None, method="paired t"),
    )
    estimates = tuple(
        estimate(
            model,
            one.metric,
            value or 0.0,
            1.3 * ((one.high or 0) - (one.low or 0)) / 2,
            n=1460,
            method="delta method, t",
            scale=one.scale,
            higher=one.higher_is_better,
        )
        for one in found
        for model, value in ((names[0], one.baseline_value), (names[1], one.candidate_value))
    )
    infos = tuple(
        MetricInfo(
            name=one.metric,
            summary=f"{one.metric.replace('_', ' ')}",
            formula="see the catalogue",
            scale=one.scale,
            higher_is_better=one.higher_is_better,
            kind="means",
        )
        for one in found
    )
    check = Check(
        name="mean_absolute_error at most 2 % worse",
        role="guardrail",
        status="pass",
        metric="mean_absolute_error",
        candidate="forest",
        condition="at most 2 % worse than the baseline",
        tested_value=428.6,
        p_value=1e-5,
        reason=(
            "mean_absolute_error is better than ridge (-2,500 [-3,700, -1,300] USD at 95 %, margin 2 % of the "
            "baseline, less is better)."
        ),
    )
    return Scorecard(
        verdict=Verdict(
            status="pass",
            candidate="forest",
            checks=(check,),
            sentence=(
                "Ship forest: mean_absolute_error is better than ridge (-2,500 [-3,700, -1,300] USD, margin 2 % of "
                "the baseline)."
            ),
        ),
        title="forest against ridge on house prices",
        task="regression",
        models=models,
        lead_metric="mean_absolute_error",
        estimates=estimates,
        effects=found,
        health=HEALTH[:3],
        metrics=infos,
        not_shown=NOT_SHOWN,
        policy=Policy(name="assumed", assumed=True, rules=(Rule(metric="mean_absolute_error", role="guardrail"),)),
        assumptions=("task = regression: 'price' has fractions (--task)",),
        provenance=provenance(models, task="regression", rows=1460),
    )


def thousand_classes() -> Scorecard:
    """1,000 classes: no matrix, the most confused pairs; every class in the flips."""
    models = ("resnet", "vit")
    labels = tuple(f"n{place:08d} class {place}" for place in range(1000))
    pairs = tuple((labels[place], labels[(place * 7 + 1) % 1000], 40 - place // 10) for place in range(400))
    by_class = tuple(
        ClassFlips(label=label, n=50, gained=place % 7, lost=(place * 3) % 8) for place, label in enumerate(labels)
    )
    found = tuple(effect(f"recall[{label}]", 0.71, 0.72, 0.11, n=50, names=models) for label in labels)
    lead = effect("accuracy", 0.7613, 0.8107, 0.0032, n=50_000, names=models)
    estimates = tuple(estimate(model, one.metric, 0.75, 0.01, n=one.n) for one in (lead, *found) for model in models)
    return Scorecard(
        verdict=Verdict(
            status="pass",
            candidate="vit",
            sentence="Ship vit: accuracy is better than resnet (+0.0494 [+0.0462, +0.0526]).",
            checks=(
                Check(
                    name="accuracy better",
                    role="success",
                    status="pass",
                    metric="accuracy",
                    candidate="vit",
                    condition="better than the baseline",
                    reason="accuracy is better than resnet.",
                ),
            ),
        ),
        title="vit against resnet on ImageNet",
        task="multiclass",
        models=models,
        lead_metric="accuracy",
        estimates=estimates,
        effects=(lead, *found),
        health=HEALTH[:4],
        metrics=METRICS[1:2],
        not_shown=NOT_SHOWN,
        policy=Policy(rules=(Rule(metric="accuracy", role="success"),)),
        provenance=provenance(models, task="multiclass", rows=50_000),
        confusions=tuple(Confusion(model=model, labels=labels, pairs=pairs) for model in models),
        flips=(
            Flips(
                baseline="resnet",
                candidate="vit",
                n=50_000,
                gained=5123,
                lost=2653,
                changed=9011,
                churn=0.18022,
                by_class=by_class,
            ),
        ),
        curves=tuple(
            Curve(model=model, kind="roc", label=label, x=(0.0, 0.1, 1.0), y=(0.0, 0.9, 1.0))
            for model in models
            for label in labels
        ),
    )


def twenty_models() -> Scorecard:
    """Nineteen candidates against one baseline."""
    models = tuple(f"model-{place:02d}" for place in range(20))
    card = adult()
    found, estimates, checks, flips = [], [], [], []
    for place, model in enumerate(models):
        for metric, (baseline, _, half, width, margin, relative, n, methods) in _VALUES.items():
            shift = 0.004 * (place % 9) - 0.012 if place else 0.0
            value = round(baseline + (-shift if relative else shift), 6)
            estimates.append(estimate(model, metric, value, half, n=n, method=methods[0], higher=not relative))
            if place:
                found.append(
                    effect(
                        metric,
                        baseline,
                        value,
                        width,
                        n=n,
                        margin=margin,
                        relative=relative,
                        higher=not relative,
                        method=methods[1],
                        names=(models[0], model),
                        level=0.9974,
                        adjusted=metric == "roc_auc",
                    )
                )
        if place:
            status = "pass" if place % 9 > 4 else "fail" if place % 9 < 2 else "inconclusive"
            checks.append(
                Check(
                    name=f"{model}: roc_auc better",
                    role="success",
                    status=status,
                    metric="roc_auc",
                    candidate=model,
                    condition="better than the baseline",
                    reason=f"roc_auc against {models[0]}: {status}.",
                )
            )
            flips.append(
                Flips(
                    baseline=models[0],
                    candidate=model,
                    n=N,
                    gained=400 + place,
                    lost=380 - place,
                    changed=780,
                    churn=0.0479,
                )
            )
    return card.model_copy(
        update={
            "models": models,
            "estimates": tuple(estimates),
            "effects": tuple(found),
            "flips": tuple(flips),
            "confusions": (),
            "curves": tuple(curves(models)),
            "title": "19 candidates against model-00",
            "provenance": provenance(models),
            "policy": Policy(rules=POLICY.rules[:1]),
            "verdict": Verdict(
                status="pass",
                candidate="model-08",
                checks=tuple(checks),
                sentence=(
                    "Ship model-08: roc_auc is better than model-00 (+0.0200 [+0.0175, +0.0225]). 8 of 19 "
                    "candidates pass; model-08 has the "
                    "best roc_auc of them, untested against the others."
                ),
            ),
        }
    )


def many_slices(count: int = 2600) -> Scorecard:
    """2,600 explored slices of nine metrics."""
    card = adult()
    slices = [{"region": f"region {place % 50}", "product": f"product {place // 50}"} for place in range(count)]
    metrics = tuple(_VALUES)
    estimates = tuple(
        estimate(model, metric, 0.8, 0.01, n=400, of=of)
        for of in slices
        for metric in metrics[:2]
        for model in card.models
    )
    return card.model_copy(
        update={"effects": (*_adult_effects(), *explored(metrics, slices)), "estimates": (*card.estimates, *estimates)}
    )


def evaluation() -> Scorecard:
    """One model alone, against bounds."""
    card = adult()
    checks = (
        Check(
            name="recall above 0.6",
            role="guardrail",
            status="pass",
            metric="recall",
            candidate="boosting",
            condition="above 0.6",
            tested_value=0.6,
            reason="recall is 0.661 [0.646, 0.677], above its bound of 0.6; interval at 95 %.",
        ),
        Check(
            name="latency_ms.p95 below 10 ms",
            role="guardrail",
            status="pass",
            metric="latency_ms.p95",
            candidate="boosting",
            condition="below 10 ms",
            tested_value=10.0,
            reason="latency_ms.p95 is 3.911 [3.899, 3.923] ms, below its bound of 10 ms; interval at 95 %.",
        ),
    )
    slices = [
        estimate(
            "boosting",
            "roc_auc",
            0.90 + 0.01 * place,
            0.01 + 0.002 * place,
            n=4000 - 500 * place,
            of=of,
            method="DeLong, logit scale",
        )
        for place, of in enumerate(_adult_slices()[:8])
    ]
    return card.model_copy(
        update={
            "kind": "evaluation",
            "models": ("boosting",),
            "effects": (),
            "flips": (),
            "title": "boosting on Adult census",
            "estimates": (*(one for one in card.estimates if one.model == "boosting"), *slices),
            "confusions": card.confusions[1:],
            "curves": tuple(one for one in card.curves if one.model == "boosting"),
            "policy": Policy(
                name="bounds",
                rules=(
                    Rule(metric="recall", role="guardrail", above=0.6),
                    Rule(metric="latency_ms.p95", role="guardrail", below=10.0),
                ),
            ),
            "verdict": Verdict(
                status="pass",
                candidate="boosting",
                checks=checks,
                sentence=(
                    "boosting meets its bounds: recall is 0.661 [0.646, 0.677], above its bound of 0.6, and the "
                    "other guardrail holds."
                ),
            ),
            "provenance": provenance(("boosting",)),
        }
    )


def hostile() -> Scorecard:
    """Every name a file can choose is an attack."""
    card = adult()
    names = (f"base{HOSTILE}", f"cand{HOSTILE}")
    change = {"logistic": names[0], "boosting": names[1]}
    long = "A" * 5000

    def renamed(effect: Effect) -> Effect:
        return effect.model_copy(
            update={
                "baseline": names[0],
                "candidate": names[1],
                "metric": f"{effect.metric}{HOSTILE}",
                "slice": {HOSTILE: HOSTILE} if effect.slice else {},
                "method": HOSTILE,
                "notes": (HOSTILE, long),
            }
        )

    examples = tuple(
        Example(
            id=HOSTILE,
            target=HOSTILE,
            baseline=long,
            candidate=HOSTILE,
            columns={f"{HOSTILE}{place}": long for place in range(40)},
        )
        for _ in range(50)
    )
    return card.model_copy(
        update={
            "title": HOSTILE,
            "models": names,
            "lead_metric": f"roc_auc{HOSTILE}",
            "effects": tuple(renamed(one) for one in card.effects),
            "estimates": tuple(
                one.model_copy(
                    update={"model": change[one.model], "metric": f"{one.metric}{HOSTILE}", "scale": HOSTILE}
                )
                for one in card.estimates
            ),
            "verdict": card.verdict.model_copy(
                update={
                    "sentence": f"Do not ship {HOSTILE}",
                    "candidate": names[1],
                    "checks": tuple(
                        one.model_copy(
                            update={"name": HOSTILE, "reason": HOSTILE, "candidate": names[1], "condition": HOSTILE}
                        )
                        for one in card.verdict.checks
                    ),
                }
            ),
            "health": (Finding(name=HOSTILE, status="warn", sentence=HOSTILE * 50),),
            "confusions": tuple(
                one.model_copy(update={"model": change[one.model], "labels": (HOSTILE, long)})
                for one in card.confusions
            ),
            "curves": tuple(one.model_copy(update={"model": change[one.model]}) for one in card.curves),
            "flips": tuple(
                one.model_copy(
                    update={
                        "baseline": names[0],
                        "candidate": names[1],
                        "lost_examples": examples,
                        "gained_examples": examples,
                        "notes": (HOSTILE,),
                        "by_class": (ClassFlips(label=HOSTILE, n=5, gained=1, lost=2),),
                    }
                )
                for one in card.flips
            ),
            "not_shown": (HOSTILE, *(f"{place} {long}" for place in range(500))),
            "assumptions": (HOSTILE,) * 300,
            "notes": (HOSTILE,),
            "provenance": card.provenance.model_copy(
                update={
                    "roles": {HOSTILE: [f"column {place}" for place in range(10_000)]},
                    "arguments": {HOSTILE: HOSTILE},
                    "positive": HOSTILE,
                    "sources": tuple(
                        one.model_copy(update={"name": HOSTILE, "model": change[one.model]})
                        for one in card.provenance.sources
                    ),
                }
            ),
        }
    )


EVERY = {
    one.__name__: one
    for one in (
        adult,
        passing,
        inconclusive,
        invalid,
        regression,
        thousand_classes,
        twenty_models,
        many_slices,
        evaluation,
        hostile,
    )
}
