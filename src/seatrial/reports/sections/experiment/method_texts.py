"""What experiments are computed with, in plain words; offline methods are in `sections.methods`."""

from dataclasses import dataclass

from seatrial.reports.sections.methods import METHODS, MethodText, known


@dataclass(frozen=True, kw_only=True, slots=True)
class ExperimentText(MethodText):
    """A text with the fragments by which the name of a method shows that it was used."""

    signs: tuple[str, ...] = ()
    alone: bool = False
    """True where the name holds nothing but this method."""


LIFT = "Fieller relative lift"
INTERACTION = "segment interaction test (Wald)"
SLOPE = "slope on log day"
POSTERIOR = "normal posterior"
SAMPLE_RATIO = "sample-ratio test"
SHRUNKEN = "empirical-Bayes shrinkage"

EXPERIMENT_METHODS: dict[str, ExperimentText] = {
    "CUPED": ExperimentText(
        words=(
            "What a unit did before its exposure foretells part of what it does after; that part is subtracted, the "
            "same way in both arms. The effect stays the same and its interval becomes narrower."
        ),
        formula="y - theta (x - mean x), theta = cov(x, y) / var(x) within arms;  variance x (1 - rho²)",
        reference="Deng, Xu, Kohavi and Walker (2013), WSDM",
        signs=("cuped", "adjusted for covariates"),
    ),
    "CUPAC": ExperimentText(
        words=(
            "A model predicts what each unit would do from what was known before its exposure; it never saw the units "
            "it predicts, and its prediction is used as the covariate."
        ),
        formula="CUPED with x = prediction, cross-fitted by unit",
        reference="Li, Tang and Bauman (2020), DoorDash; Deng et al. (2013)",
        signs=("cupac",),
    ),
    "post-stratification": ExperimentText(
        words=(
            "The arms are compared within groups known before the exposure, and the groups weighted by their share "
            "of all units: an arm that got more of one group by chance is not rewarded for it."
        ),
        formula="Σ W_k (m_tk - m_ck);  W_k: share of group k in both arms together",
        reference="Miratrix, Sekhon and Yu (2013), J. R. Stat. Soc. B 75",
        signs=("post-strat", "poststrat"),
    ),
    "stratified by allocation phase": ExperimentText(
        words=(
            "While the shares of the arms changed, each stretch of time is compared within itself and the stretches "
            "are weighted by their units; thrown together, a base rate that drifts would look like an effect."
        ),
        formula="Σ w_k d_k;  var = Σ w_k² var_k;  w_k: share of all units in phase k",
        reference="Cochran (1977), chapter 5",
        signs=("stratified by allocation phase", "stratified by phase", "stratified by exposure day"),
    ),
    "anytime-valid asymptotic confidence sequence": ExperimentText(
        words=(
            "Limits wide enough to hold on every day at once: one may look daily and stop at will, and the chance of "
            "ever being wrong stays at the stated error. At the planned size they are about 1.5 times as wide as "
            "those of a single look."
        ),
        formula="d ± se √(2(k+1)/k · log(√(k+1)/alpha));  k: information, as a multiple of what the plan tunes for",
        reference="Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2021), arXiv 2103.06476",
        signs=("confidence sequence", "anytime-valid", "always-valid", "always valid", "anytime"),
    ),
    "Bernoulli mixture": ExperimentText(
        words=(
            "For rare events: a bet against every true rate at once, which grows large only if that rate is wrong; "
            "what was never bet away is in the limits, on every day."
        ),
        formula="all p whose mixture likelihood ratio is below 1/alpha",
        reference="Robbins (1970), Ann. Math. Stat. 41; Howard et al. (2021), Ann. Stat. 49",
        signs=("bernoulli mixture", "betting"),
    ),
    "group-sequential repeated interval": ExperimentText(
        words=(
            "A few looks were planned, and the error is spent over them, little at the early ones; the limits hold "
            "over all the looks taken together."
        ),
        formula="d ± c_k se_k;  c_k from the spending function at the information of look k",
        reference="Lan and DeMets (1983), Biometrika 70; Jennison and Turnbull (1989), J. R. Stat. Soc. B 51",
        signs=("group-sequential", "group sequential", "spending"),
    ),
    "hybrid": ExperimentText(
        words=(
            "Harm may be seen on any day, so its side holds on every day at once; benefit is read once, at the planned "
            "end, with all its power."
        ),
        formula="low side: one-sided confidence sequence;  high side: the fixed interval at the planned end",
        reference="both parts as described here under their own names",
        signs=("hybrid",),
    ),
    LIFT: ExperimentText(
        words=(
            "The difference as a share of the control, with the control's own uncertainty in it: the lifts under which "
            "the treatment would not be told from the control times one plus the lift. At 0 it is the same test as "
            "that of the difference."
        ),
        formula="all delta with |m_t - (1 + delta) m_c| <= t se(m_t - (1 + delta) m_c)",
        reference="Fieller (1954), J. R. Stat. Soc. B 16",
        signs=("fieller",),
        alone=True,
    ),
    "clustered quantile": ExperimentText(
        words=(
            "A quantile over single events, while units were randomised: how the share of events below it varies "
            "between units gives its uncertainty, and how densely the values lie there turns that into its own unit."
        ),
        formula="var(q) = var over units of the share below q / density(q)²",
        reference="Deng, Knoblich and Lu (2018), KDD",
        signs=("clustered quantile", "quantile, cr2", "deng, knoblich", "deng-knoblich"),
        alone=True,
    ),
    "switchback permutation": ExperimentText(
        words=(
            "Everyone is in the same arm for a while, then in the other: the periods are what was randomised, so their "
            "labels are shuffled to see how large a difference gets by chance. The start of a period, where the last "
            "one still works on, is left out."
        ),
        formula="p = (b + 1) / (B + 1);  b: shuffled orders at least as extreme",
        reference="Bojinov, Simchi-Levi and Zhao (2023), Management Science 69",
        signs=("switchback", "permutation of periods"),
        alone=True,
    ),
    "team-draft interleaving": ExperimentText(
        words=(
            "Both rankings were shown in one list, drafted in turns; every unit is its own comparison, and the share "
            "of its credit that goes to either side is averaged over units."
        ),
        formula="mean of (credit_t - credit_c) per unit ± t(n-1) sd/√n",
        reference="Radlinski, Kurup and Joachims (2008), CIKM",
        signs=("interleav", "team draft", "team-draft"),
        alone=True,
    ),
    "Lin's interacted regression": ExperimentText(
        words="A regression in which what was known before may matter differently in each arm: a check on CUPED.",
        formula="y ~ arm x (x - mean x), HC2 variance",
        reference="Lin (2013), Ann. Appl. Stat. 7",
        signs=("lin's interacted",),
        alone=True,
    ),
    "inverse-propensity weighting": ExperimentText(
        words=(
            "Where the shares of the arms followed their success, each unit counts by how unlikely it was to get "
            "its arm; plain averages would be biased."
        ),
        formula="AIPW: mean of m(x) + 1[arm] (y - m(x)) / p;  SNIPW: Σ (y / p) / Σ (1 / p)",
        reference="Hadad, Hirshberg, Zhan, Wager and Athey (2021), PNAS 118",
        signs=("ipw",),
        alone=True,
    ),
    "winsorised": ExperimentText(
        words="Values above a cap fixed in the plan count as the cap, so that one unit cannot carry the result.",
        formula="min(y, cap)",
        reference="Kohavi, Tang and Xu (2020), chapter 22",
        signs=("winsor",),
    ),
    "Student t": ExperimentText(
        words="An average and how much single units stray from it: the more units, the narrower.",
        formula="m ± t(n-1) s/√n",
        reference="Student (1908), Biometrika 6",
        signs=("student t",),
        alone=True,
    ),
    INTERACTION: ExperimentText(
        words=(
            "Asks first whether the effects of all levels of a segment could be one and the same; only where they "
            "could not is a single segment worth reading. Corrected over the columns that were asked."
        ),
        formula="Σ (d_k - d)² / se_k² against chi-square with levels - 1 degrees of freedom;  Holm over columns",
        reference="Cochran (1954), Biometrics 10",
        signs=("segment interaction",),
        alone=True,
    ),
    SHRUNKEN: ExperimentText(
        words=(
            "The effect seen in a segment is part chance; it is pulled towards that of the others, the more the "
            "less it is known."
        ),
        formula="d + tau²/(tau² + se_k²) (d_k - d)",
        reference="Efron and Morris (1975), J. Am. Stat. Assoc. 70",
        signs=("shrinkage", "shrunken"),
        alone=True,
    ),
    SLOPE: ExperimentText(
        words=(
            "The effect of each day since a unit's first exposure, over units with all these days behind them, and "
            "whether it changes with the logarithm of the day; days of one unit hang together, which is counted."
        ),
        formula="d(day) = a + b log(day), weighted, covariance clustered by unit",
        reference="Zeger and Liang (1986), Biometrics 42",
        signs=("slope on log day",),
        alone=True,
    ),
    POSTERIOR: ExperimentText(
        words=(
            "What one believes after the data, when one believed the prior before: the flat one says nothing, the "
            "informative one is what past tests found. Not proof against looking every day."
        ),
        formula="precision-weighted mean of prior and difference;  expected loss = E[max(0, -effect)]",
        reference="Gelman et al. (2013), section 2.5",
        signs=("normal posterior",),
        alone=True,
    ),
    SAMPLE_RATIO: ExperimentText(
        words=(
            "Whether the arms got the shares of units that were planned. If not, something chose who is counted, "
            "and no comparison of the arms can be trusted."
        ),
        formula="Σ (observed - expected)² / expected against chi-square;  fails at p < 0.001",
        reference="Fabijan et al. (2019), KDD",
        signs=("sample-ratio test",),
        alone=True,
    ),
}
"""Plain words by name; a method's name may hold several of them."""

TEXTS: dict[str, MethodText] = {**METHODS, **EXPERIMENT_METHODS}


def parts(method: str) -> tuple[str, ...]:
    """Return the names of all texts that explain a method: `Welch t, adjusted for covariates (CUPED)` has two.

    >>> parts("Welch t, adjusted for covariates (CUPED) and stratified by allocation phase")
    ('Welch t', 'CUPED', 'stratified by allocation phase')
    >>> parts("a new one")
    ('a new one',)
    """
    small = method.lower()
    found = [name for name, text in EXPERIMENT_METHODS.items() if any(sign in small for sign in text.signs)]
    alone = [name for name in found if EXPERIMENT_METHODS[name].alone]
    if alone:
        return tuple(found)
    base = known(method)
    return (*([base] if base is not None else []), *found) or (method,)
