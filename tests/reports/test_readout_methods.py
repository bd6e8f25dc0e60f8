"""Every method an experiment can name has words, each text stands there once."""

import re
from types import ModuleType

import pytest

from seatrial.reports import render
from seatrial.reports.sections.experiment.method_texts import EXPERIMENT_METHODS, TEXTS, parts
from seatrial.stats import clustered_quantiles, interleaving, monitored, poststratification, regression_adjustment


@pytest.mark.parametrize(
    ("method", "known"),
    [
        ("Welch t, unpaired", ("Welch t",)),
        ("Welch t, stratified by allocation phase", ("Welch t", "stratified by allocation phase")),
        ("Welch t, adjusted for covariates (CUPED) and stratified by allocation phase",
         ("Welch t", "CUPED", "stratified by allocation phase")),
        ("Miettinen-Nurminen score interval, unpaired", ("Miettinen-Nurminen score",)),
        (f"{monitored.ANYTIME}, Welch t", ("Welch t", "anytime-valid asymptotic confidence sequence")),
        (f"{monitored.HYBRID}, benefit at the planned end, Welch t",
         ("Welch t", "anytime-valid asymptotic confidence sequence", "hybrid")),
        (f"{monitored.GROUP_SEQUENTIAL} (look 3, O'Brien-Fleming spending), Welch t",
         ("Welch t", "group-sequential repeated interval")),
        (clustered_quantiles.METHOD, ("clustered quantile",)),
        ("CR2 cluster-robust variance, Bell-McCaffrey degrees of freedom", ("CR2 cluster-robust variance",)),
        (poststratification.METHOD, ("post-stratification",)),
        ("Welch t, adjusted by CUPAC", ("Welch t", "CUPAC")),
        (regression_adjustment.METHOD, ("Lin's interacted regression",)),
        (interleaving.METHOD, ("team-draft interleaving",)),
        ("permutation of periods within blocks, 999 shuffles", ("switchback permutation",)),
        ("Student t", ("Student t",)),
        ("Wilson", ("Wilson",)),
        ("a brand-new test", ("a brand-new test",)),
    ],
)  # fmt: skip
def test_the_texts_of_a_method(method: str, known: tuple[str, ...]) -> None:
    assert parts(method) == known


def test_every_text_says_what_it_does() -> None:
    for name, text in EXPERIMENT_METHODS.items():
        assert text.words.endswith("."), name
        assert len(text.words) < 340, name
        assert text.formula, name
        assert text.reference, name
        assert text.signs, name
        assert name in parts(name), name


def test_each_text_stands_there_once(readouts: ModuleType) -> None:
    shown = render(readouts.passing(), "html")
    methods = shown[shown.index('id="methods"') : shown.index('id="provenance"')]
    for name in ("CUPED", "hybrid", "Welch t", "Fieller relative lift", "segment interaction test (Wald)",
                 "slope on log day", "normal posterior", "sample-ratio test"):  # fmt: skip
        assert len(re.findall(rf"<b>{re.escape(name)}</b>", methods)) == 1, name
    for name, text in TEXTS.items():
        assert methods.count(text.words[:60]) <= 1, name


def test_what_was_not_used_is_not_explained(readouts: ModuleType) -> None:
    shown = render(readouts.bare(), "html")
    assert "CUPED" not in shown[shown.index("<body>") :]
