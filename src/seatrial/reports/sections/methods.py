"""Methods in plain words, the formulas folded away: only those this report used."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from seatrial.records import Scorecard
from seatrial.reports import words
from seatrial.reports.document import Block, Bullets, Fold, Formula, Limits, Paragraph, Section
from seatrial.reports.lookup import Card


@dataclass(frozen=True, kw_only=True, slots=True)
class MethodText:
    """A method as a reader without statistics can take it, with its formula and where it comes from."""

    words: str
    formula: str
    reference: str


_F1 = "Wilson on tp/(tp+fp+fn), mapped to F1"
_CLUSTERED = "CR2 cluster-robust variance"
INTERVAL = (
    "An interval is the range of true values the data do not contradict. At 95 %, about one in twenty such "
    "intervals misses."
)
_TELLING = 4
"""Characters a name needs to be looked for inside another."""
_METRICS = 6
METHODS: dict[str, MethodText] = {
    "t": MethodText(
        words="An average and how much single rows stray from it: the more rows, the narrower.",
        formula="m ± t(n-1) s/√n",
        reference="Student (1908), Biometrika 6",
    ),
    "influences, logit scale": MethodText(
        words=(
            "How much the value would move if a row counted a little more, for every row; the spread of these "
            "gives the "
            "interval, on a scale on which the value stays within 0 and 1."
        ),
        formula="var = Σ psi²/(n(n-1));  limits: logit(v) ± z √var / (v(1-v))",
        reference="van der Vaart (1998), chapter 20",
    ),
    "exact bound": MethodText(
        words=(
            "The scores separate the classes without one mistake, so nothing strays and the usual interval would "
            "have no "
            "width; the limit comes from how many independent pairs of rows could have shown a mistake."
        ),
        formula="low = (alpha/2)^(1/m) for m independent pairs",
        reference="Clopper and Pearson (1934), Biometrika 26",
    ),
    "DeLong or Newcombe": MethodText(
        words="With few rows of a class two intervals of the area are computed, and the wider one is shown.",
        formula="DeLong on the logit scale, and Newcombe's method 5; the wider",
        reference="DeLong et al. (1988); Newcombe (2006), Statistics in Medicine 25",
    ),
    "by definition": MethodText(words="Follows from what it is; nothing was estimated.", formula="", reference=""),
    "Wilson score interval at the effective size": MethodText(
        words=(
            "A range for a share, as for separate rows, but with fewer of them: weights, or rows of one cluster, count "
            "for as many independent rows as would be as uncertain."
        ),
        formula="n is replaced by 1 + p(1-p)/var(p), then Wilson",
        reference="Wilson (1927); Korn and Graubard (1998), Survey Methodology 24",
    ),
    "order statistics' density": MethodText(
        words=(
            "How uncertain the share of values below the quantile is, with weights or clusters taken into account; "
            "how densely the values lie there turns that share into the column's unit."
        ),
        formula="var(q) = var(share below q) / density(q)²",
        reference="Deng, Knoblich and Lu (2018), KDD",
    ),
    "basic bootstrap": MethodText(
        words=(
            "The rows are drawn again many times; how far the results stray from the value is taken back from it, "
            "because this statistic is too large on average when it is near 0."
        ),
        formula="[2v - upper percentile, 2v - lower percentile]",
        reference="Davison and Hinkley (1997), section 5.2",
    ),
    "percentile bootstrap": MethodText(
        words=(
            "Every row is counted a random number of times, the same for both versions, again and again; the limits "
            "hold the middle part of the differences found."
        ),
        formula="weights w_i ~ Poisson(1), the same for both;  percentiles of candidate - baseline",
        reference="Efron and Tibshirani (1993); Chamandy et al. (2012)",
    ),
    "BCa bootstrap": MethodText(
        words=(
            "Every row is counted a random number of times, the same for both versions, again and again; the limits "
            "hold the middle part of the differences found, corrected for their lean."
        ),
        formula="percentiles at Phi(z0 + (z0 + z)/(1 - a(z0 + z))) of candidate - baseline",
        reference="Efron (1987), J. Am. Stat. Assoc. 82",
    ),
    "paired differences, CR2 cluster-robust variance": MethodText(
        words=(
            "The two versions are subtracted row by row and the differences added up by cluster; the clusters are the "
            "units, and few or unequal clusters widen the interval."
        ),
        formula="CR2 variance from the clusters' sums of d_i; t with Bell-McCaffrey degrees of freedom",
        reference="Bell and McCaffrey (2002); Imbens and Kolesár (2016)",
    ),
    "paired t on influences, density from order statistics": MethodText(
        words=(
            "For each row, whether it lies below each version's quantile is turned into the column's unit by how "
            "densely the values lie there, and subtracted: what both versions share cancels."
        ),
        formula="psi = (q - [x <= x_q]) / density(x_q);  limits: D ± t(n-1) sd(psi_c - psi_b)/√n",
        reference="Bahadur (1966); Deng, Knoblich and Lu (2018)",
    ),
    "Welch t on influences": MethodText(
        words=(
            "Different rows were answered: each version's rows' pulls on the metric give its own spread, and the two "
            "spreads are added."
        ),
        formula="var = Σ psi_c²/(n_c(n_c-1)) + Σ psi_b²/(n_b(n_b-1));  t, degrees of freedom by Satterthwaite",
        reference="Welch (1947), Biometrika 34",
    ),
    "Fieller": MethodText(
        words=(
            "A ratio of two differences: the ratios under which the top, less the ratio times the bottom, is not told "
            "from zero. There is none when the bottom itself is not told from zero."
        ),
        formula="all r with |top - r bottom| <= t se(top - r bottom)",
        reference="Fieller (1954), J. R. Stat. Soc. B 16",
    ),
    "score test of the paired ratio (Tang)": MethodText(
        words=(
            "A margin in percent of a share, on the same rows: the ratios of the two shares that the rows on which "
            "the versions disagree would not contradict."
        ),
        formula="score test of p1 = r p0, solved for r",
        reference="Tang, Tang and Chan (2003), Statistics in Medicine 22",
    ),
    "Miettinen-Nurminen score test of the ratio": MethodText(
        words="A margin in percent of a share, on different rows: the ratios of the two shares not contradicted.",
        formula="score test of p1 = r p0 with the variance restricted to r, solved for r",
        reference="Miettinen and Nurminen (1985), Statistics in Medicine 4",
    ),
    "Wilson on tp/(tp+fp+fn), mapped to F1": MethodText(
        words=(
            "F1 is a rising function of the share of hits among all rows that are positive or called positive; "
            "that share gets a Wilson interval, and its limits are carried over."
        ),
        formula="J = tp / (tp + fp + fn);  F1 = 2J / (1 + J);  limits: Wilson limits of J, through the same map",
        reference="Wilson (1927); Takahashi et al. (2022) for F1",
    ),
    "Wilson": MethodText(
        words=(
            "The range of true shares under which the share seen would not be surprising; unlike value +- error "
            "it stays within 0 and 1 and holds for few rows."
        ),
        formula=(
            "(p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n);  with weights or clusters n is the effective number"
        ),
        reference="Wilson (1927), J. Am. Stat. Assoc. 22",
    ),
    "Clopper-Pearson bands": MethodText(
        words=(
            "Scores are cut into bins of equal size; each bin gets an exact interval, all of them together at "
            "the stated level, and the error is what the bins allow at least and at most."
        ),
        formula=(
            "per bin: exact limits of the observed share at level 1 - alpha/B, against the bin's mean score; sum "
            "of w_b |o_b - s_b|"
        ),
        reference="Clopper and Pearson (1934), Biometrika 26",
    ),
    "Clopper-Pearson": MethodText(
        words=(
            "Exact limits from the binomial distribution, used where every row or no row is a hit: 0 of 300 "
            "still allows a true rate of about 1 %."
        ),
        formula="low = Beta(alpha/2; k, n-k+1);  high = Beta(1-alpha/2; k+1, n-k)",
        reference="Clopper and Pearson (1934), Biometrika 26",
    ),
    "delta method, t": MethodText(
        words=(
            "The metric is arithmetic over averages; how much each average wobbles, and how they wobble "
            "together, is carried through the formula by its slopes."
        ),
        formula="var(g(m)) = ∇g(m)ᵀ S ∇g(m) / n;  limits: g ± t(n-1) √var",
        reference="Casella and Berger (2002), section 5.5.4",
    ),
    "Tango score": MethodText(
        words=(
            "Both versions answered the same rows, so only the rows they disagree on say anything; the limits "
            "are the differences that those disagreements would not contradict."
        ),
        formula="score test of b - c = n d, solved for d;  b, c: rows only the one, only the other got right",
        reference="Tango (1998), Statistics in Medicine 17",
    ),
    "paired t on influences": MethodText(
        words=(
            "Each row's pull on the metric is computed for both versions, and the pulls are subtracted row by "
            "row: what both share cancels."
        ),
        formula="d_i = psi_i(candidate) - psi_i(baseline);  limits: D ± t(n-1) sd(d)/√n",
        reference="Huber (1981); van der Vaart (1998), chapter 20",
    ),
    "paired t": MethodText(
        words="The two versions are subtracted row by row, so what makes a row easy or hard cancels.",
        formula="mean(d) ± t(n-1) sd(d)/√n;  d_i = candidate_i - baseline_i",
        reference="Student (1908), Biometrika 6",
    ),
    "Miettinen-Nurminen score": MethodText(
        words=(
            "Two shares from different rows: the limits are the differences under which the two shares seen "
            "would not be surprising."
        ),
        formula="score test of p1 - p0 = d with the variance restricted to d, solved for d",
        reference="Miettinen and Nurminen (1985), Statistics in Medicine 4",
    ),
    "Welch t": MethodText(
        words="Two averages from different rows, each with its own spread.",
        formula="(m1 - m0) ± t(df) √(s1²/n1 + s0²/n0), df by Satterthwaite",
        reference="Welch (1947), Biometrika 34",
    ),
    "DeLong, logit scale": MethodText(
        words=(
            "The area under the ROC curve is the chance that a positive row is scored above a negative one; "
            "every row's part in that gives its uncertainty, on a scale on which the area stays within 0 and 1."
        ),
        formula="var = Σ psi₁²/(n₁(n₁-1)) + Σ psi₀²/(n₀(n₀-1));  limits: logit(A) ± z √var / (A(1-A))",
        reference="DeLong et al. (1988), Biometrics 44; Sun and Xu (2014)",
    ),
    "DeLong, paired": MethodText(
        words=(
            "The area under the ROC curve is the chance that a positive row is scored above a negative one. For the "
            "difference of two areas on the same rows, each row's parts in the two are subtracted."
        ),
        formula="var of Σ (psi_candidate - psi_baseline), by class;  limits: D ± t √var, df by Satterthwaite",
        reference="DeLong et al. (1988), Biometrics 44",
    ),
    "stratified bootstrap": MethodText(
        words=(
            "With few rows of a class, or an area close to 1, the rows of each class are drawn again many times "
            "and the spread of the results is taken."
        ),
        formula="percentiles of the metric over B resamples drawn within each class",
        reference="Efron and Tibshirani (1993)",
    ),
    "order statistics": MethodText(
        words=(
            "The limits of a quantile are two of the sorted values themselves, those between which the true one "
            "lies with the stated certainty; nothing is assumed of the shape."
        ),
        formula="[x_(l), x_(u)], l and u from the binomial(n, q) distribution;  value: NumPy 'linear'",
        reference="David and Nagaraja (2003), section 7.1",
    ),
    "Poisson bootstrap": MethodText(
        words=(
            "For a metric that is any Python function: every row is counted a random number of times (one on "
            "average), again and again, and the spread of the results is taken."
        ),
        formula="weights w_i ~ Poisson(1), 2,000 times;  percentiles of the metric",
        reference="Chamandy et al. (2012), Google",
    ),
    "CR2 cluster-robust variance": MethodText(
        words=(
            "Rows of one cluster resemble each other and count for less than as many separate ones; the clusters "
            "are the units, and few or unequal clusters widen the interval."
        ),
        formula="CR2 variance from cluster totals and sizes; t with Bell-McCaffrey degrees of freedom",
        reference="Bell and McCaffrey (2002); Imbens and Kolesár (2016)",
    ),
    "permutation": MethodText(
        words="Labels are shuffled many times to see how large the value gets when there is nothing there.",
        formula="p = (b + 1) / (B + 1);  b: shuffles at least as extreme",
        reference="Phipson and Smyth (2010)",
    ),
    "identical": MethodText(
        words=(
            "Both versions gave the same answer to every row, byte for byte: the difference is exactly zero, "
            "with nothing to estimate."
        ),
        formula="[0, 0]",
        reference="by definition",
    ),
    "multinomial bootstrap": MethodText(
        words=(
            "The table of true against predicted labels is drawn again many times with the same total, and the "
            "spread of the results is taken."
        ),
        formula="counts ~ Multinomial(n, observed shares), 10,000 times;  percentiles of the metric",
        reference="Efron and Tibshirani (1993)",
    ),
}
"""Plain words by the name of the method; a name that begins with one of these is described by the longest that fits."""


def describe(method: str) -> MethodText | None:
    """Return the text of a method, however its name goes on; None for one that has none.

    >>> describe("Wilson score interval on tp/(tp+fp+fn), mapped to F1").formula[:3]
    'J ='
    >>> describe("a new one") is None
    True
    """
    name = known(method)
    return None if name is None else METHODS[name]


def known(method: str) -> str | None:
    """Return the longest name a method begins with, else the longest it contains."""
    if "mapped to F1" in method:
        return _F1
    if method in METHODS:
        return method
    if _CLUSTERED in method and not method.startswith("paired differences"):
        return _CLUSTERED
    names = [name for name in METHODS if len(name) >= _TELLING]
    fitting = [name for name in names if method.startswith(name)] or [name for name in names if name in method]
    return max(fitting, key=len, default=None)


def build(card: Scorecard, limits: Limits) -> Section | None:
    """Build the section: the rules of the verdict, then one paragraph a method."""
    found = [(one.method, one.metric) for one in card.effects]
    found += [(one.method, one.metric) for one in (*card.estimates, *card.reference)]
    found += [(one.method, "break-even prices") for one in card.tradeoffs]
    if not found:
        return None
    blocks: list[Block] = [Bullets(items=_reading(card))]
    blocks += explained(found, limits)
    blocks += definitions(card, limits)
    return Section(id="methods", title="Methods, in plain words", blocks=tuple(blocks))


def explained(
    found: Iterable[tuple[str | None, str]],
    limits: Limits,
    *,
    names: Callable[[str], tuple[str, ...]] = lambda method: (known(method) or method,),
    texts: Mapping[str, MethodText] = METHODS,
) -> list[Block]:
    """Return one paragraph for each text, from (method, what it was used for); `names` says which texts a method has.

    A method without a text is named all the same.
    """
    used: dict[str, dict[str, None]] = {}
    called: dict[str, dict[str, None]] = {}
    for method, metric in dict.fromkeys(found):
        if method and not method.startswith("none"):
            own = names(method)
            for key in own:
                used.setdefault(key, {})[metric] = None
                called.setdefault(key, {})[method if len(own) == 1 else key] = None
    blocks: list[Block] = []
    for key, metrics in list(used.items())[: limits.rows]:
        shown = ", ".join(list(metrics)[:_METRICS]) + (
            f" and {len(metrics) - _METRICS} more" if len(metrics) > _METRICS else ""
        )
        term = next(iter(called[key])) if len(called[key]) == 1 else key
        text = texts.get(key)
        if text is None:
            blocks.append(Paragraph(term=term, text=f"(for {shown})."))
            continue
        blocks.append(Paragraph(term=term, text=f"(for {shown}). {text.words}"))
        if text.formula:
            blocks.append(
                Fold(summary="Formula", blocks=(Formula(text=text.formula), Paragraph(text=text.reference, small=True)))
            )
    return blocks


def definitions(card: Card, limits: Limits) -> list[Block]:
    """Return the formula of every metric, folded away."""
    formulas = [f"{metric.name} = {metric.formula}" for metric in card.metrics[: limits.rows] if metric.formula]
    return [Fold(summary="How each metric is defined", blocks=(Bullets(items=tuple(formulas)),))] if formulas else []


def _reading(card: Scorecard) -> tuple[str, ...]:
    lines = [INTERVAL]
    if card.kind == "comparison":
        lines += verdict_words("rows")
        if card.flips:
            lines.append("Churn: the share of rows whose answer changed, even where the score did not.")
    return tuple(lines)


def verdict_words(counted: str) -> list[str]:
    """Say what the four words of an effect mean; `counted` is what there could be more of."""
    symbols = words.WORD_SYMBOLS
    return [
        f"{symbols['better']} better: the whole interval is on the good side of zero. {symbols['worse']} "
        f"worse: the whole of it "
        "is on the bad side.",
        f"{symbols['no meaningful difference']} no meaningful difference: the whole interval is inside the "
        f"margin; a finding, not "
        f"a lack of one. {symbols['cannot tell']} cannot tell: it is neither, and more {counted} would tell.",
        f"Smallest detectable effect: the smallest true difference that these {counted} would have found four "
        "times out of five.",
    ]
