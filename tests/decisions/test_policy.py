"""Policies as people write them, and every way to write them wrongly in one sentence."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seatrial.decisions.policy import check_names, default_policy, load_policy, parse_policy, resolve_margin
from seatrial.errors import UsageError
from seatrial.records import Rule

FULL = """
name: income model
alpha: 0.1
power: 0.9
success:            # must be better
  - roc_auc
guardrails:
  - recall
  - metric: recall
    slice: sex=Female
    margin: 0.02
  - {metric: recall, slice: {education: "Some college", code: 007}, margin: 2%, alpha: 0.01}
  - metric: latency_ms.p99
    below: 250
  - latency_ms.p95 below 100
bounds:
  - accuracy above 0.8
secondary: log_loss
rules:
  - {metric: f1, role: guardrail, margin: 0.05, margin_is_relative: yes}
metrics:
  profit: 120*tp - 15*fp - 0.002*latency_ms
  waste: {formula: 15*fp, lower_is_better: true}
lower_is_better: [loss]
"""


def test_the_whole_shape():
    policy = parse_policy(FULL)
    assert (policy.name, policy.alpha, policy.power, policy.assumed) == ("income model", 0.1, 0.9, False)
    assert policy.rules == (
        Rule(metric="roc_auc", role="success"),
        Rule(metric="recall", role="guardrail"),
        Rule(metric="recall", role="guardrail", slice={"sex": "Female"}, margin=0.02),
        Rule(
            metric="recall",
            role="guardrail",
            slice={"education": "Some college", "code": "007"},
            margin=0.02,
            margin_is_relative=True,
            alpha=0.01,
        ),
        Rule(metric="latency_ms.p99", role="guardrail", below=250),
        Rule(metric="latency_ms.p95", role="guardrail", below=100),
        Rule(metric="accuracy", role="guardrail", above=0.8),
        Rule(metric="log_loss", role="secondary"),
        Rule(metric="f1", role="guardrail", margin=0.05, margin_is_relative=True),
    )
    assert policy.metrics == {"profit": "120*tp - 15*fp - 0.002*latency_ms", "waste": "15*fp"}
    assert policy.lower_is_better == ("loss", "waste")


def test_its_own_dump_reads_back():
    policy = parse_policy(FULL)
    assert parse_policy(policy.model_dump()) == policy
    assert parse_policy(policy.model_dump(mode="json")) == policy
    assert parse_policy(policy.model_dump_json()) == policy  # JSON is YAML
    assert default_policy("f1") == parse_policy(default_policy("f1").model_dump())


@pytest.mark.parametrize(
    ("text", "slices"),
    [
        ("sex=Female", {"sex": "Female"}),
        ("sex=Female & race=Asian Pac Islander", {"sex": "Female", "race": "Asian Pac Islander"}),
        ("length(text)=10 to 20", {"length(text)": "10 to 20"}),
        ("dept=R&D", {"dept": "R&D"}),
        ("rule=a=b", {"rule": "a=b"}),
        ("answer=yes", {"answer": "yes"}),
        ("country=NO", {"country": "NO"}),
        ("x=", {"x": ""}),
    ],
)
def test_slices_are_text(text, slices):
    assert parse_policy({"guardrails": [{"metric": "f1", "slice": text}]}).rules[0].slice == slices
    assert parse_policy(f"guardrails:\n - metric: f1\n   slice: {text}\n").rules[0].slice == slices


def test_a_yaml_slice_value_keeps_its_letters():
    # plain YAML 1.1 would make True, False, 7 and 8.1 of these, and no row would ever match
    rule = parse_policy(
        "guardrails: [{metric: f1, slice: {income: yes, country: NO, code: 007, version: 8.10}}]"
    ).rules[0]
    assert rule.slice == {"income": "yes", "country": "NO", "code": "007", "version": "8.10"}


@pytest.mark.parametrize(
    ("margin", "expected"),
    [
        ("0.02", (0.02, False)),
        ("2%", (0.02, True)),
        ("2 %", (0.02, True)),
        ("0", (0.0, False)),
        ("5e-3", (0.005, False)),
        ("'0.01'", (0.01, False)),
    ],
)
def test_margins(margin, expected):
    rule = parse_policy(f"guardrails: [{{metric: f1, margin: {margin}}}]").rules[0]
    assert resolve_margin(rule, (0.5, not expected[1])) == pytest.approx(expected)


def test_a_rule_without_margin_takes_the_default():
    assert resolve_margin(Rule(metric="log_loss", role="guardrail"), (0.02, True)) == (0.02, True)


def test_empty_sections_are_no_sections():
    assert len(parse_policy("name:\nalpha:\nsuccess:\nguardrails:\n  - f1\nmetrics:\n").rules) == 1


BAD = [
    ("", "is empty"),
    ("   \n# only a comment\n", "is empty"),
    ("--- \n", "is empty"),
    ("- roc_auc", "not a list"),
    ("roc_auc", "not 'roc_auc'"),
    ("{}", "has no rules"),
    ("name: x", "has no rules"),
    ("success: []", "has no rules"),
    ("sucess: [f1]", "unknown key 'sucess'. Did you mean 'success'?"),
    ("guardrail: [f1]", "Did you mean 'guardrails'?"),
    ("success: [f1]\nsuccess: [f2]", "line 2: key 'success' is given twice"),
    ("guardrails: [{metric: f1, margin: 1, margin: 2}]", "'margin' is given twice"),
    ("success: [f1", "not valid YAML: line"),
    ("success: [f1]\n\tguardrails: x", "not valid YAML: line 2"),
    ("a: 1\n---\nb: 2", "not valid YAML"),
    ("\x00\x01\x02", "not valid YAML"),
    ("[" * 20000, "nested too deeply"),
    ("success: {f1: 1}", "must be a list"),
    ("success: [[f1]]", "not a list"),
    ("guardrails: [{metirc: f1}]", "Did you mean 'metric'?"),
    ("guardrails: [{margin: 1}]", "'metric' is missing"),
    ("guardrails: [{metric: [f1]}]", "must be a name, not a list"),
    ("guardrails: [{metric: f1, margin: wide}]", "must be a number, not 'wide'"),
    ("guardrails: [{metric: f1, margin: .nan}]", "must be a number"),
    ("guardrails: [{metric: f1, margin: nan}]", "finite"),
    ("guardrails: [{metric: f1, margin: inf}]", "finite"),
    ("guardrails: [{metric: f1, margin: -0.1}]", "cannot be negative"),
    ("guardrails: [{metric: f1, margin: 120%}]", "allows any loss"),
    ("guardrails: [{metric: f1, margin_is_relative: true}]", "says nothing without 'margin'"),
    ("guardrails: [{metric: f1, margin: 1, below: 2}]", "has no margin"),
    ("guardrails: [{metric: f1, above: 1, below: 2}]", "one of below and above"),
    ("guardrails: [{metric: f1, below: 5%}]", "'%' is for margins"),
    ("guardrails: [f1 below low]", "must be a number, not 'low'"),
    ("guardrails: [{metric: f1, slice: Female}]", "'column=value'"),
    ("guardrails: [{metric: f1, slice: [a]}]", "not a list"),
    ("guardrails: [{metric: f1, slice: {a: [b]}}]", "one value per column"),
    ("guardrails: [{metric: f1, slice: a=1 & a=2}]", "names 'a' twice"),
    ("guardrails: [{metric: f1, alpha: 0.7}]", "'alpha'"),
    ("guardrails: [f1, f1]", "twice as guardrail"),
    ("guardrails: [{metric: f1, slice: a=1}]\nrules: [{metric: f1, slice: {a: 1}, role: guardrail}]", "on a=1 twice"),
    ("success: [f1 below 3]", "a success metric is compared with the baseline"),
    ("success: [{metric: f1, alpha: 0.01}]", "share the policy's alpha"),
    ("bounds: [f1]", "needs 'below' or 'above'"),
    ("rules: [f1]", "must be a mapping with 'metric' and 'role'"),
    ("rules: [{metric: f1, role: guard}]", "Did you mean 'guardrail'?"),
    ("success: [f1]\nalpha: 0.5", "'alpha'"),
    ("success: [f1]\nalpha: five", "must be a number, not 'five'"),
    ("success: [f1]\nalpha: [1]", "must be a number, not a list"),
    ("success: [f1]\nname: [a]", "must be a name, not a list"),
    ("success: [f1]\nassumed: maybe", "true or false"),
    ("success: [f1]\nmetrics: [profit=tp]", "must map a name to a formula"),
    ("success: [f1]\nmetrics: {profit: }", "must be a formula"),
    ("success: [f1]\nmetrics: {profit: {lower_is_better: true}}", "'formula' is missing"),
    ("success: [f1]\nmetrics: {profit: {formla: tp}}", "Did you mean 'formula'?"),
    ("success: [f1]\nlower_is_better: {a: 1}", "must be a list"),
    ("? [a, b]\n: c", "a key must be a word"),
]


@pytest.mark.parametrize(("text", "part"), BAD)
def test_one_sentence_for_each_mistake(text, part):
    with pytest.raises(UsageError) as caught:
        parse_policy(text, name="mine")
    said = str(caught.value)
    assert part in said
    assert said.startswith("Policy 'mine'")
    assert "\n" not in said
    assert len(said) < 320
    assert caught.value.exit_code == 64


def test_yaml_never_makes_objects():
    with pytest.raises(UsageError):
        parse_policy("success: [!!python/object/apply:os.getcwd []]")


def test_a_bomb_of_aliases_stays_small():
    lines = ["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 40)]
    with pytest.raises(UsageError, match="unknown key 'a0'"):
        parse_policy("\n".join(lines))
    with pytest.raises(UsageError, match="recursive"):
        parse_policy("success: &s [*s]")


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=200))
def test_any_text_gives_a_policy_or_one_sentence(text):
    try:
        parse_policy(text)
    except UsageError:
        return


nested = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["metric", "slice", "margin", "below", "role", "formula", "alpha"]) | st.text(max_size=3),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


@settings(deadline=None, max_examples=300)
@given(
    st.dictionaries(
        st.sampled_from(
            [
                "name",
                "alpha",
                "power",
                "success",
                "guardrails",
                "bounds",
                "rules",
                "metrics",
                "lower_is_better",
                "assumed",
            ]
        ),
        nested,
        max_size=5,
    )
)
def test_any_mapping_gives_a_policy_or_one_sentence(mapping):
    try:
        parse_policy(mapping)
    except UsageError:
        return


def test_the_demo_s_policy_reads():
    demo = Path(__file__).parents[2] / "src" / "seatrial" / "demo" / "policy.yaml"
    policy = load_policy(demo)
    assert {rule.role for rule in policy.rules} == {"success", "guardrail"}


def test_loading_names_the_policy_after_its_file(tmp_path):
    (tmp_path / "release.yaml").write_text("\ufeffsuccess: [f1]\n", encoding="utf-8")
    assert load_policy(tmp_path / "release.yaml").name == "release"
    (tmp_path / "named.yaml").write_text("name: ours\nsuccess: [f1]\n")
    assert load_policy(str(tmp_path / "named.yaml")).name == "ours"


def test_files_that_are_no_policy(tmp_path):
    (tmp_path / "rubbish.yaml").write_bytes(b"PAR1\x00\xff\xfe\x80" * 10)
    with pytest.raises(UsageError, match="not a text file"):
        load_policy(tmp_path / "rubbish.yaml")
    with pytest.raises(UsageError, match="no policy file"):
        load_policy(tmp_path / "absent.yaml")
    with pytest.raises(UsageError, match="cannot be read"):
        load_policy(tmp_path)


SLICES = {"sex": ["Female", "Male"], "age": ["17 to 28", "28 to 37"]}


def named(text: str, **options: object) -> None:
    check_names(parse_policy(text, name="p"), ["recall", "roc_auc", "log_loss", "ece"], SLICES, **options)


def test_names_that_exist():
    named("success: [profit]\nguardrails: [{metric: recall, slice: sex=Female & age=17 to 28}]\nmetrics: {profit: tp}")
    named("success: [mine]\nlower_is_better: [mine]", formulas=["mine"])
    named("bounds: [ece below 0.1]\nsecondary: [ece]", ungated=["ece"])


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("success: [recal]", "Did you mean 'recall'?"),
        ("success: [zzz]", "Known metrics: ece, log_loss"),
        ("guardrails: [{metric: recall, slice: sx=Female}]", "no column 'sx' to slice by. Did you mean 'sex'?"),
        ("guardrails: [{metric: recall, slice: sex=Femal}]", "never is 'Femal'. Did you mean 'Female'?"),
        ("guardrails: [{metric: recall, slice: sex=7}]", "It holds: Female, Male."),
        ("success: [recall]\nmetrics: {recall: tp}", "redefines 'recall'"),
        ("success: [recall]\nlower_is_better: [profit]", "'profit', which is no metric"),
        ("success: [recall]\nlower_is_better: [log_loss]", "has its direction already"),
        ("success: [ece]", "no sound interval"),
        ("guardrails: [ece]", "no sound interval"),
    ],
)
def test_names_that_do_not(text, part):
    with pytest.raises(UsageError) as caught:
        named(text, ungated=["ece"])
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)
