"""Entities, text and boxes against the field's scorers: seqeval, nervaluate, sacrebleu, rouge-score, pycocotools."""

import contextlib
import io
import re
import string
import warnings
from collections import Counter

import numpy as np
import pytest

import seatrial as st

TYPES = ("PER", "LOC", "ORG")
NEAR = {"rel": 1e-9, "abs": 1e-12}


def value(result: st.Result, metric: str, model: str | None = None) -> float:
    (found,) = (e.value for e in result.estimates if e.metric == metric and not e.slice and model in (None, e.model))
    return found


def tagged(rng: np.random.Generator, scheme: str, length: int = 12) -> list[str]:
    """A sentence of tags in one scheme."""
    tags: list[str] = []
    last = ""
    while len(tags) < length:
        if rng.random() > 0.4:
            tags.append("O")
            last = ""
            continue
        kind, size = TYPES[rng.integers(3)], int(rng.integers(1, 4))
        if scheme == "IOB1":
            tags += [("B-" if last == kind else "I-") + kind, *["I-" + kind] * (size - 1)]
        elif scheme == "IOB2":
            tags += ["B-" + kind, *["I-" + kind] * (size - 1)]
        else:
            tags += ["S-" + kind] if size == 1 else ["B-" + kind, *["I-" + kind] * (size - 2), "E-" + kind]
        last = kind
    return tags


def broken(rng: np.random.Generator, tags: list[str], share: float = 0.2) -> list[str]:
    """The same with some tags replaced by any other, so that the scheme is broken too."""
    known = ["O", *(f"{mark}-{kind}" for mark in "BI" for kind in TYPES)]
    return [known[rng.integers(len(known))] if rng.random() < share else tag for tag in tags]


def corpus(seed: int, scheme: str, n: int = 80) -> tuple[list[list[str]], list[list[str]]]:
    rng = np.random.default_rng(seed)
    gold = [tagged(rng, scheme) for _ in range(n)]
    return gold, [broken(rng, tags) for tags in gold]


@pytest.mark.parametrize("scheme", ["IOB1", "IOB2", "BIOES"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_strict_entities_are_those_of_seqeval(scheme: str, seed: int) -> None:
    metrics = pytest.importorskip("seqeval.metrics.sequence_labeling")
    gold, guess = corpus(seed, scheme)
    names = [f"entity_{name}{macro}" for name in ("precision", "recall", "f1") for macro in ("", "_macro")]
    names += [f"entity_{name}[{kind}]" for name in ("precision", "recall", "f1") for kind in TYPES]
    result = st.evaluate({"target": gold, "prediction": guess}, task="entities", metrics=names)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for average, ending in (("micro", ""), ("macro", "_macro")):
            expected = metrics.precision_recall_fscore_support(gold, guess, average=average)
            for name, right in zip(("precision", "recall", "f1"), expected[:3], strict=True):
                assert value(result, f"entity_{name}{ending}") == pytest.approx(right, **NEAR)
        by_type = metrics.precision_recall_fscore_support(gold, guess, average=None)
    for name, several in zip(("precision", "recall", "f1"), by_type[:3], strict=True):
        for kind, right in zip(sorted(TYPES), several, strict=True):
            assert value(result, f"entity_{name}[{kind}]") == pytest.approx(right, **NEAR)


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_partial_entities_are_those_of_nervaluate(seed: int) -> None:
    nervaluate = pytest.importorskip("nervaluate")
    gold, guess = corpus(seed, "IOB2")
    names = [
        f"entity_{name}{way}" for name in ("precision", "recall", "f1") for way in ("_partial", "_boundary", "_type")
    ]
    names += [f"entity_f1_partial[{kind}]" for kind in TYPES]
    result = st.evaluate({"target": gold, "prediction": guess}, task="entities", metrics=names)
    found = nervaluate.Evaluator(gold, guess, tags=list(TYPES), loader="list").evaluate()
    for way, theirs in (("_partial", "partial"), ("_boundary", "exact"), ("_type", "ent_type")):
        for name in ("precision", "recall", "f1"):
            expected = getattr(found["overall"][theirs], name)
            assert value(result, f"entity_{name}{way}") == pytest.approx(expected, **NEAR), (way, name)
    for kind in TYPES:
        expected = found["entities"][kind]["partial"].f1
        assert value(result, f"entity_f1_partial[{kind}]") == pytest.approx(expected, **NEAR)


def test_spans_and_tags_of_the_same_entities_count_alike() -> None:
    gold, guess = corpus(5, "IOB2")
    from seatrial.data.answers.entities import spans_of_tags

    def spans(tags: list[str]) -> list[dict[str, object]]:
        return [{"start": start, "end": end, "label": kind} for start, end, kind in spans_of_tags(tags)]

    names = ["entity_f1", "entity_f1_partial", "entity_f1_type", "entity_f1_macro", "entities_all_right"]
    one = st.evaluate({"target": gold, "prediction": guess}, task="entities", metrics=names)
    other = st.evaluate(
        {"target": [spans(tags) for tags in gold], "prediction": [spans(tags) for tags in guess]},
        task="entities",
        metrics=names,
    )
    assert [(e.metric, e.value, e.low, e.high) for e in one.estimates] == [
        (e.metric, e.value, e.low, e.high) for e in other.estimates
    ]


WORDS = (
    "the",
    "a",
    "cat",
    "sat",
    "on",
    "mat",
    "house,",
    "runs.",
    "and",
    "slowly!",
    "an",
    "tree",
    "U.S.",
    "3.5",
    "don't",
)


def sentences(seed: int, n: int = 60, references: int = 1) -> tuple[list[list[str]], list[str]]:
    rng = np.random.default_rng(seed)
    answers = [" ".join(rng.choice(WORDS, int(rng.integers(6, 16)))) for _ in range(n)]

    def near(text: str) -> str:
        words = text.split()
        return " ".join(str(rng.choice(WORDS)) if rng.random() < 0.3 else word for word in words[rng.integers(3) :])

    return [[near(text) for _ in range(references)] for text in answers], answers


@pytest.mark.parametrize("references", [1, 3])
@pytest.mark.parametrize("seed", [0, 1])
def test_bleu_and_chrf_are_those_of_sacrebleu(references: int, seed: int) -> None:
    sacrebleu = pytest.importorskip("sacrebleu")
    truth, answers = sentences(seed, references=references)
    target = [one if references > 1 else one[0] for one in truth]
    result = st.evaluate({"target": target, "prediction": answers}, task="text", metrics=["bleu", "chrf"])
    streams = [[several[at] for several in truth] for at in range(references)]
    assert value(result, "bleu") == pytest.approx(sacrebleu.corpus_bleu(answers, streams).score, **NEAR)
    assert value(result, "chrf") == pytest.approx(sacrebleu.corpus_chrf(answers, streams).score, **NEAR)


@pytest.mark.parametrize("references", [1, 2])
def test_rouge_is_that_of_rouge_score(references: int) -> None:
    scorers = pytest.importorskip("rouge_score.rouge_scorer")
    truth, answers = sentences(7, references=references)
    target = [one if references > 1 else one[0] for one in truth]
    names = {"rouge_1": "rouge1", "rouge_2": "rouge2", "rouge_l": "rougeL"}
    result = st.evaluate({"target": target, "prediction": answers}, task="text", metrics=list(names))
    scorer = scorers.RougeScorer(list(names.values()))
    rows = [scorer.score_multi(several, answer) for several, answer in zip(truth, answers, strict=True)]
    for ours, theirs in names.items():
        assert value(result, ours) == pytest.approx(np.mean([row[theirs].fmeasure for row in rows]), **NEAR)


def squad(answer: str, reference: str) -> tuple[float, float]:
    """Exact match and F1 as the data set's paper defines them, written from the definition."""

    def normal(text: str) -> list[str]:
        text = "".join(letter for letter in text.lower() if letter not in set(string.punctuation))
        return re.sub(r"\b(a|an|the)\b", " ", text).split()

    mine, theirs = normal(answer), normal(reference)
    same = sum((Counter(mine) & Counter(theirs)).values())
    if not mine or not theirs:
        return float(mine == theirs), float(mine == theirs)
    return float(mine == theirs), 2 * same / (len(mine) + len(theirs))


def test_exact_match_and_token_f1_are_squads() -> None:
    truth, answers = sentences(3, n=200, references=3)
    answers[:20] = [f"The {one[0]}!" for one in truth[:20]]
    result = st.evaluate({"target": truth, "prediction": answers}, task="text", metrics=["exact_match", "token_f1"])
    best = [
        np.max([squad(answer, one) for one in several], axis=0) for several, answer in zip(truth, answers, strict=True)
    ]
    assert value(result, "exact_match") == pytest.approx(np.mean([one[0] for one in best]), **NEAR)
    assert value(result, "token_f1") == pytest.approx(np.mean([one[1] for one in best]), **NEAR)


def pictures(seed: int, n: int = 40, crowded: float = 0.15, many: int = 4) -> tuple[list, list]:
    """True and predicted boxes; scores with ties, duplicates of a box, classes that only one side has."""
    rng = np.random.default_rng(seed)
    truth, guess = [], []
    for _ in range(n):
        boxes = []
        for _ in range(rng.poisson(many)):
            place = [*(rng.random(2) * 60).round(1), *(5 + rng.random(2) * 30).round(1)]
            crowd = int(rng.random() < crowded)
            boxes.append({"box": place, "label": f"c{rng.integers(4)}", "iscrowd": crowd})
        found = []
        for box in boxes:
            for _ in range(rng.integers(0, 3)):
                moved = np.maximum(np.array(box["box"]) + rng.normal(size=4) * 2, [0, 0, 1, 1]).round(2)
                found.append({"box": moved.tolist(), "label": box["label"], "score": round(float(rng.random()), 2)})
        for _ in range(rng.poisson(1)):
            place = [*(rng.random(2) * 60).round(1), *(5 + rng.random(2) * 30).round(1)]
            found.append({"box": place, "label": f"c{rng.integers(5)}", "score": round(float(rng.random()), 2)})
        truth.append(boxes)
        guess.append(found)
    return truth, guess


def coco(truth: list, guess: list) -> np.ndarray:
    """Precision (T, R, K) of COCO's own evaluation at all areas and 100 boxes."""
    classes = sorted({box["label"] for boxes in (*truth, *guess) for box in boxes})
    annotations = [
        {
            "id": 0,
            "image_id": image,
            "category_id": classes.index(box["label"]),
            "bbox": list(box["box"]),
            "area": float(box["box"][2] * box["box"][3]),
            "iscrowd": box.get("iscrowd", 0),
        }
        for image, boxes in enumerate(truth)
        for box in boxes
    ]
    for number, one in enumerate(annotations, start=1):
        one["id"] = number
    results = [
        {
            "image_id": image,
            "category_id": classes.index(box["label"]),
            "bbox": list(box["box"]),
            "score": box["score"],
        }
        for image, boxes in enumerate(guess)
        for box in boxes
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval

        gold = COCO()
        gold.dataset = {
            "images": [{"id": image} for image in range(len(truth))],
            "annotations": annotations,
            "categories": [{"id": number, "name": name} for number, name in enumerate(classes)],
        }
        gold.createIndex()
        found = COCOeval(gold, gold.loadRes(results), "bbox")
        found.evaluate()
        found.accumulate()
    return found.eval["precision"][:, :, :, 0, -1]


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 4])
def test_average_precision_of_boxes_is_that_of_pycocotools(seed: int) -> None:
    pytest.importorskip("pycocotools")
    truth, guess = pictures(seed)
    expected = coco(truth, guess)
    classes = sorted({box["label"] for boxes in truth for box in boxes if not box["iscrowd"]})
    names = ["box_map", "box_map_50", "box_map_75", *(f"box_map[{label}]" for label in classes)]
    result = st.evaluate({"target": truth, "prediction": guess}, task="boxes", metrics=names)

    def mean(part: np.ndarray) -> float:
        return float(part[part > -1].mean())

    assert value(result, "box_map") == pytest.approx(mean(expected), **NEAR)
    assert value(result, "box_map_50") == pytest.approx(mean(expected[0]), **NEAR)
    assert value(result, "box_map_75") == pytest.approx(mean(expected[5]), **NEAR)
    every = sorted({box["label"] for boxes in (*truth, *guess) for box in boxes})
    for label in classes:
        assert value(result, f"box_map[{label}]") == pytest.approx(mean(expected[:, :, every.index(label)]), **NEAR)


def test_only_the_hundred_best_boxes_of_a_class_count() -> None:
    pytest.importorskip("pycocotools")
    truth, guess = pictures(9, n=6, many=60)
    expected = coco(truth, guess)
    assert max(Counter(box["label"] for box in boxes).most_common(1)[0][1] for boxes in guess) > 20
    crowd = [{**box, "label": "c0", "score": 0.5 + 0.001 * at} for at, box in enumerate(guess[0] * 4)]
    guess[0] = crowd
    assert len(crowd) > 100
    expected = coco(truth, guess)
    result = st.evaluate({"target": truth, "prediction": guess}, task="boxes", metrics=["box_map"])
    assert value(result, "box_map") == pytest.approx(float(expected[expected > -1].mean()), **NEAR)
