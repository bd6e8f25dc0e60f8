"""Pairs built, reviewed by hand, read back, and what a model made of them."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from seatrial.actions.counterfactual import build_counterfactuals, run_counterfactuals
from seatrial.errors import DataError, UsageError
from seatrial.evaluation.counterfactual.reading import outcomes, read_pairs, record_path
from seatrial.models.base import Answer

TERMS = {
    "groups": {
        "sexuality": {"gay": ["gay"], "straight": ["straight"], "lesbian": ["lesbian"]},
        "gender": {"man": ["he", "his", "him"], "woman": ["she", "her", "her"]},
    }
}
TEXTS = [
    "The gay couple came.",
    "A straight answer from a gay man.",
    "I saw her there.",
    "Nothing to see.",
    '=1+1 the gay <script>alert(1)</script>\nsecond line, "quoted"',
    "Lesbian visibility",
    "Rude words here",
    "",
]
LABELS = ["no", "no", "no", "no", "yes", "no", "yes", "no"]


def data() -> dict[str, list[str]]:
    return {"id": [f"r{k}" for k in range(8)], "text": TEXTS, "rude": LABELS}


def built(**options: object):
    given = {"swap": TERMS, "column": "text", "target": "rude", "positive": "yes", **options}
    return build_counterfactuals(data(), **given)


def rewrite(path: Path, change) -> None:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        change(row)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def test_pairs_are_kept_by_id_and_unedited_rows_counted():
    pairs = built().pairs
    ids = [row.id for row in pairs.rows]
    assert ids[:2] == ["r0~gay->straight", "r0~gay->lesbian"]
    assert "r1~gay<->straight" in ids
    assert "r3" in ids
    assert len(set(ids)) == len(ids)
    record = pairs.record
    assert (record.rows, record.edited_rows, record.unedited_rows) == (8, 5, 3)
    assert record.pairs == sum(one.pairs for one in record.swaps) == 10
    assert record.review == 1
    assert record.label == "rude"
    assert record.positive == "yes"
    assert len(built(unedited=False).pairs.rows) == 10


def test_both_sides_as_data_sets():
    pairs = built().pairs
    before, after = pairs.originals(), pairs.edited()
    assert before.ids == ("r0", "r1", "r4", "r5")  # r2 waits for a review
    assert after.ids[0] == "r0~gay->straight"
    assert after.columns["text"][0] == "The straight couple came."
    assert before.inputs == after.inputs == ("text",)
    assert len(pairs.originals(unedited=True)) == 8
    assert before.columns["rude"] == ["no", "no", "yes", "no"]


def test_written_and_read_back_is_the_same_set(tmp_path):
    for name in ("p.csv", "p.tsv", "p.jsonl", "p.json", "p.parquet", "p.csv.gz"):
        table, beside = built().write(tmp_path / name)
        assert beside == record_path(table)
        assert beside.is_file()
        back = read_pairs(table)
        assert back.rows == built().pairs.rows
        assert back.record == built().pairs.record
        assert not back.record.changed_by_hand


def test_the_same_data_and_list_give_the_same_bytes(tmp_path):
    built().write(tmp_path / "a.csv")
    built().write(tmp_path / "b.csv")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert json.loads((tmp_path / "a.record.json").read_text()) == json.loads((tmp_path / "b.record.json").read_text())


def test_a_review_by_hand_counts(tmp_path):
    table, _ = built().write(tmp_path / "p.csv")

    def look(row: dict[str, str]) -> None:
        if row["id"] == "r2~woman->man":
            row.update(edited="I saw him there.", keep="Yes")
        if row["id"] == "r0~gay->lesbian":
            row["keep"] = "no"

    rewrite(table, look)
    pairs = read_pairs(table)
    assert pairs.record.changed_by_hand
    assert pairs.record.reviewed == 2
    used = {pairs.rows[at].id for at in pairs.used}
    assert "r2~woman->man" in used
    assert "r0~gay->lesbian" not in used
    assert pairs.edited().columns["text"][list(pairs.edited().ids).index("r2~woman->man")] == "I saw him there."
    again = built(reviewed=table).pairs
    decided = {row.id: (row.keep, row.edited) for row in again.rows if row.keep}
    assert decided == {
        "r2~woman->man": ("yes", "I saw him there."),
        "r0~gay->lesbian": ("no", "The lesbian couple came."),
    }


def test_a_wrong_table_is_one_sentence(tmp_path):
    table, _ = built().write(tmp_path / "p.csv")
    rewrite(table, lambda row: row.update(keep="perhaps" if row["id"] == "r0~gay->lesbian" else ""))
    with pytest.raises(DataError, match="keep is 'perhaps'"):
        read_pairs(table)
    rewrite(table, lambda row: row.update(keep="", pair="x", id="same"))
    with pytest.raises(DataError, match="'same' is there twice"):
        read_pairs(table)
    (tmp_path / "q.csv").write_text("id,text\n1,a\n")
    with pytest.raises(UsageError, match="no table of pairs"):
        read_pairs(tmp_path / "q.csv")


def test_most_keeps_some_swaps_of_a_row_by_seed():
    some = built(most=1).pairs
    assert all(sum(row.pair == one for row in some.rows) == 1 for one in ("r0", "r1", "r4", "r5"))
    assert some.rows == built(most=1).pairs.rows


def test_nothing_to_swap_and_no_term_list_are_said():
    with pytest.raises(DataError, match="names an identity"):
        build_counterfactuals({"id": ["1"], "text": ["nothing"]}, swap=TERMS, column="text")
    with pytest.raises(UsageError, match="--swap"):
        build_counterfactuals(data(), column="text")
    with pytest.raises(UsageError, match="no column 'txt'"):
        built(column="txt")


def rude(texts: Sequence[str]) -> list[Answer]:
    """A model that takes the word gay for rudeness."""
    scores = [0.9 if "gay" in t.lower() else 0.7 if "rude" in t.lower() else 0.2 for t in texts]
    return [Answer(score=score) for score in scores]


def test_outcomes_by_swap_and_over_all():
    pairs = built().pairs
    before, after = pairs.originals(), pairs.edited()
    found = outcomes(pairs, rude(before.columns["text"]), rude(after.columns["text"]))
    by = {one.identity: one for one in found}
    assert found[0].identity == "all"
    assert found[0].pairs == len(pairs.used) == 9
    assert by["gay->straight"].flip_rate.value == 1.0
    assert by["gay->straight"].score_change.value == pytest.approx(-0.7)
    # r1 names gay and straight: both stay named when they change places
    assert by["gay<->straight"].flip_rate.value == 0.0
    assert by["gay->straight"].flip_rate.method.startswith("Clopper-Pearson")
    assert by["gay->straight"].flip_rate.low == pytest.approx(stats.binomtest(2, 2).proportion_ci().low)
    by_id = outcomes(
        pairs,
        dict(zip(before.ids, rude(before.columns["text"]), strict=True)),
        dict(zip(after.ids, rude(after.columns["text"]), strict=True)),
    )
    assert by_id == found
    with pytest.raises(UsageError, match="answers were given for 4 original rows"):
        outcomes(pairs, [], rude(after.columns["text"]))


def test_missing_answers_are_counted_and_bounded():
    pairs = built().pairs
    before, after = pairs.originals(), pairs.edited()
    answers = rude(after.columns["text"])
    answers[0] = Answer(reason="timeout")
    rate = outcomes(pairs, rude(before.columns["text"]), answers)[0].flip_rate
    assert rate.n == 8
    assert rate.missing == 1
    assert rate.bound_low < rate.value < rate.bound_high


def many(n: int = 300) -> dict[str, list[str]]:
    rng = np.random.default_rng(5)
    words = ["gay", "straight", "tall", "kind", "lesbian"]
    texts = [f"a {words[k % 5]} person number {k} said {'damn' if rng.random() < 0.3 else 'hello'}" for k in range(n)]
    return {"id": [str(k) for k in range(n)], "text": texts, "rude": ["yes" if "damn" in t else "no" for t in texts]}


def by_word(batch: dict[str, Sequence[str]]) -> dict[str, list]:
    scores = [0.6 * ("damn" in t) + 0.25 + 0.01 * (int(t.split()[4]) % 7) * ("gay" in t) for t in batch["text"]]
    return {"score": scores}


def test_run_reads_flips_aucs_and_labels_against_independent_values():
    sklearn = pytest.importorskip("sklearn.metrics")
    rows = many()
    pairs = build_counterfactuals(rows, swap=TERMS, column="text", target="rude", positive="yes").pairs
    found = run_counterfactuals(pairs, model=by_word, max_flip_rate=0.021).record
    # 0 flips in 180 rows of two pairs each: at most 1 - 0.025^(1/180) = 2.03 %
    assert found.overall.outcome.flip_rate.high == pytest.approx(1 - 0.025 ** (1 / 180))
    assert found.overall.flips == 0
    assert found.status == "pass"
    assert found.answered == len(pairs.used)
    scores = np.array(by_word(rows)["score"])
    labels = np.array([one == "yes" for one in rows["rude"]])
    gay = np.array([" gay " in t for t in rows["text"]])
    one = next(auc for auc in found.aucs if auc.identity == "gay")
    assert one.rows == gay.sum()
    assert one.positives == (gay & labels).sum()
    assert found.overall_auc.value == pytest.approx(sklearn.roc_auc_score(labels, scores))
    assert one.subgroup.value == pytest.approx(sklearn.roc_auc_score(labels[gay], scores[gay]))
    bpsn = (gay & ~labels) | (~gay & labels)
    bnsp = (gay & labels) | (~gay & ~labels)
    assert one.bpsn.value == pytest.approx(sklearn.roc_auc_score(labels[bpsn], scores[bpsn]))
    assert one.bnsp.value == pytest.approx(sklearn.roc_auc_score(labels[bnsp], scores[bnsp]))
    rate = next(r for r in found.labels.rates if r.identity == "gay")
    assert rate.mentioned.value == pytest.approx(labels[gay].mean())
    assert rate.others.n == (~gay).sum()
    assert rate.low < rate.difference < rate.high
    change = next(s for s in found.swaps if s.outcome.identity == "gay->straight").outcome.score_change
    texts = [t for t in rows["text"] if " gay " in t]
    moved = [
        by_word({"text": [t.replace("gay", "straight")]})["score"][0] - by_word({"text": [t]})["score"][0]
        for t in texts
    ]
    low, high = stats.t.interval(0.95, len(moved) - 1, np.mean(moved), stats.sem(moved))
    assert (change.value, change.low, change.high) == pytest.approx((np.mean(moved), low, high))
    assert any(one.metric == "roc_auc" for one in found.drops)


def test_several_swaps_of_a_row_are_one_cluster():
    pairs = build_counterfactuals(many(), swap=TERMS, column="text").pairs
    found = run_counterfactuals(pairs, model=lambda b: ["x" if "gay" in t else "y" for t in b["text"]]).record
    rate = found.overall.outcome.flip_rate
    assert rate.unit == "original row"
    assert "effective size" in rate.method
    assert found.overall.rows * 2 == found.overall.outcome.pairs == 360
    # 60 rows flip both ways out of gay, 120 rows flip in one of two: 240 of 360
    assert rate.value == pytest.approx(240 / 360)
    assert found.status is None
    assert "no limit" in found.headline


@pytest.mark.parametrize(("limit", "status"), [(0.0, "fail"), (0.3, "fail"), (0.9, "fail"), (0.95, "pass")])
def test_the_limit_decides(limit, status):
    pairs = build_counterfactuals(many(), swap=TERMS, column="text").pairs
    found = run_counterfactuals(
        pairs, model=lambda b: ["x" if "gay" in t else "y" for t in b["text"]], max_flip_rate=limit
    ).record
    # at 0.9 all pairs lie under the limit, and gay->straight (60 of 60) surely above it: a swap cannot hide; its lower
    # limit shared over six swaps is (0.05/6/2)^(1/60) = .913
    assert found.status == status
    assert found.sentence.endswith(".")
    assert found.overall.outcome.flip_rate.high < 0.9
    assert any(one.over_limit for one in found.swaps) is (limit < 0.913)


def test_a_limit_inside_the_interval_cannot_be_told():
    rows = {name: values[:20] for name, values in many().items()}
    pairs = build_counterfactuals(rows, swap=TERMS, column="text").pairs
    found = run_counterfactuals(pairs, model=lambda b: ["y"] * len(b["text"]), max_flip_rate=0.02).record
    assert found.status == "inconclusive"
    assert "pairs would tell" in found.sentence


def test_predictions_of_both_sides_from_a_table(tmp_path):
    done = build_counterfactuals(many(), swap=TERMS, column="text", target="rude", positive="yes")
    path = done.write_rows(tmp_path / "rows.csv")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 300 + 360
    answers = {"id": [r["id"] for r in rows], "score": by_word({"text": [r["text"] for r in rows]})["score"]}
    from_table = run_counterfactuals(done.pairs, predictions=answers).record
    from_model = run_counterfactuals(done.pairs, model=by_word).record
    assert (from_table.overall.flips, from_table.overall.rows) == (from_model.overall.flips, from_model.overall.rows)
    assert from_table.overall.outcome.score_change.value == from_model.overall.outcome.score_change.value
    assert [a.bpsn.value for a in from_table.aucs] == [a.bpsn.value for a in from_model.aucs]
    fewer = {name: values[:400] for name, values in answers.items()}
    assert run_counterfactuals(done.pairs, predictions=fewer).record.unanswered == 260
    with pytest.raises(DataError, match="no answer for any edited text"):
        run_counterfactuals(done.pairs, predictions={"id": ["zz", "yy"], "score": [0.1, 0.2]})
    with pytest.raises(UsageError, match="either a model"):
        run_counterfactuals(done.pairs)


def test_two_files_make_pairs_named_by_what_was_lost_and_gained():
    after = data()
    after["text"] = [t.replace("gay", "straight") if k != 1 else t for k, t in enumerate(TEXTS)]
    after["rude"] = ["yes", *LABELS[1:]]
    pairs = build_counterfactuals(data(), edited=after, swap=TERMS, column="text", target="rude", positive="yes").pairs
    assert [(row.id, row.swap) for row in pairs.rows if row.swap] == [
        ("r0~gay->straight", "gay->straight"),
        ("r4~gay->straight", "gay->straight"),
    ]
    assert [(e.before, e.after) for e in pairs.rows[0].edits] == [("gay", "straight")]
    found = run_counterfactuals(pairs, model=lambda b: ["no"] * len(b["text"])).record
    assert found.labels.halves_differ.value == 0.5
    with pytest.raises(DataError, match="no pair of texts that differ"):
        build_counterfactuals(data(), edited=data(), column="text")


def test_the_page_in_every_format_shows_hostile_text_and_never_runs_it():
    pairs = built().pairs
    found = run_counterfactuals(
        pairs, model=lambda b: ["yes" if "gay" in t.lower() else "no" for t in b["text"]], max_flip_rate=0.5
    )
    page = found.render("html")
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "gay-&gt;straight" in page
    assert found.render("html") == page
    for kind in ("markdown", "text", "json"):
        assert "gay->straight" in found.render(kind).replace("\\>", ">").replace("&gt;", ">")
    assert json.loads(found.to_json())["overall"]["flips"] == found.record.overall.flips


def test_real_pairs(shared_data, tmp_path):
    folder = shared_data / "toxicity_jigsaw_identity"
    pairs = build_counterfactuals(
        folder / "wiki_toxicity_nonfuzzed.csv",
        edited=folder / "wiki_toxicity_fuzzed.csv",
        column="comment",
        id="rev_id",
        target="toxic",
        positive="true",
    ).pairs
    assert (pairs.record.rows, pairs.record.pairs, pairs.record.unedited_rows) == (1492, 734, 758)
    pytest.importorskip("onnxruntime")
    models = shared_data / "models_toxicity"
    spec = f"tox=onnx:{models}/tox_block.onnx?vocabulary={models}/tox_block.vocab.json&output_index=0"
    found = run_counterfactuals(pairs, model=spec).record
    # SOURCE.md of the data: AUC .985 as written, .970 with identities swapped (of all 1,492 rows)
    assert found.overall_auc.value == pytest.approx(0.985, abs=0.0006)
    assert found.labels.halves_differ.value == 0.0
    drop = next(one for one in found.drops if one.metric == "roc_auc")
    assert drop.difference < 0
    assert drop.high < 0
