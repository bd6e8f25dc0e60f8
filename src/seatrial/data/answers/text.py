"""Free text: exact and token overlap by SQuAD's rules, and the sums that BLEU, chrF and ROUGE are made of."""

import re
import string
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from seatrial.data.answers.counting import RIGHT, load_json

WORD_ORDERS = 4
CHARACTER_ORDERS = 6
BETA = 2.0
COLUMNS = (
    RIGHT,
    "row_token_f1",
    *(f"bleu_match_{n}" for n in range(1, WORD_ORDERS + 1)),
    *(f"bleu_total_{n}" for n in range(1, WORD_ORDERS + 1)),
    "bleu_length",
    "bleu_reference_length",
    *(f"chrf_{what}_{n}" for what in ("match", "answer", "reference") for n in range(1, CHARACTER_ORDERS + 1)),
    "row_rouge_1",
    "row_rouge_2",
    "row_rouge_l",
)
BY_LABEL: tuple[str, ...] = ()
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def read(text: str, *, is_target: bool) -> tuple[str, ...]:
    """The references of a target (a JSON list of texts, or one text), or the answer as it stands.

    >>> read('["Paris", "the city of Paris"]', is_target=True)
    ('Paris', 'the city of Paris')
    """
    if not is_target or not text.lstrip().startswith("["):
        return (text,)
    try:
        found = load_json(text, "references")
    except ValueError:
        return (text,)
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        return (text,)
    if not found:
        raise ValueError("has no reference")
    return tuple(found)


def labels(answer: tuple[str, ...]) -> Iterable[str]:
    """A text has no labels."""
    return ()


def count(
    target: tuple[str, ...], prediction: tuple[str, ...], *, threshold: float = 0.5
) -> tuple[Mapping[str, float], object]:
    """Counts of one row: the best reference for exact match, tokens and ROUGE, and the sums of BLEU and chrF."""
    (answer,) = prediction
    found: dict[str, float] = {
        RIGHT: max(float(normalised(answer) == normalised(one)) for one in target),
        "row_token_f1": max(token_f1(answer, one) for one in target),
    }
    found |= _chrf(answer, target)
    found |= _bleu(answer, target)
    found |= _rouge(answer, target)
    return found, None


def notes() -> tuple[str, ...]:
    """What is not measured because a library is not there."""
    lacking = [name for name, there in (("BLEU", _sacrebleu()), ("ROUGE", _scorer())) if there is None]
    if not lacking:
        return ()
    return (f"{' and '.join(lacking)} not measured: pip install 'seatrial[text]'",)


def normalised(text: str) -> str:
    """SQuAD's normal form: small letters, no punctuation, no articles, single spaces (Rajpurkar et al. 2016).

    >>> normalised("The  U.S. Congress!")
    'us congress'
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def token_f1(answer: str, reference: str) -> float:
    """F1 over the words of the normal forms; where either has none, 1 if both have none, else 0 (SQuAD 2.0)."""
    mine, theirs = normalised(answer).split(), normalised(reference).split()
    if not mine or not theirs:
        return float(mine == theirs)
    same = sum((Counter(mine) & Counter(theirs)).values())
    if same == 0:
        return 0.0
    precision, recall = same / len(mine), same / len(theirs)
    return 2 * precision * recall / (precision + recall)


def _chrf(answer: str, references: Sequence[str]) -> dict[str, float]:
    """Character n-grams, white space aside, against the reference with the best chrF of the row (Popovic 2015)."""
    mine = _character_ngrams(answer)
    best: tuple[float, list[tuple[int, int, int]]] = (-1.0, [])
    for reference in references:
        theirs = _character_ngrams(reference)
        sums = [
            (
                sum((own & other).values()),
                sum(own.values()) if other else 0,
                sum(other.values()),
            )
            for own, other in zip(mine, theirs, strict=True)
        ]
        score = _chrf_score(sums)
        if score > best[0]:
            best = (score, sums)
    found: dict[str, float] = {}
    for n, (match, own_total, other_total) in enumerate(best[1], start=1):
        found[f"chrf_match_{n}"] = match
        found[f"chrf_answer_{n}"] = own_total
        found[f"chrf_reference_{n}"] = other_total
    return found


def _chrf_score(sums: Sequence[tuple[int, int, int]]) -> float:
    whole = [(match / own, match / other) for match, own, other in sums if own and other]
    if not whole:
        return 0.0
    precision, recall = (sum(one[side] for one in whole) / len(whole) for side in (0, 1))
    below = BETA**2 * precision + recall
    return (1 + BETA**2) * precision * recall / below if below else 0.0


def _character_ngrams(text: str) -> list[Counter[str]]:
    joined = "".join(text.split())
    return [Counter(joined[at : at + n] for at in range(len(joined) - n + 1)) for n in range(1, CHARACTER_ORDERS + 1)]


def _bleu(answer: str, references: Sequence[str]) -> dict[str, float]:
    """Clipped matches and totals of word n-grams and the lengths, by sacrebleu's own tokens (13a)."""
    scorer = _sacrebleu()
    if scorer is None:
        return {}
    found = scorer.sentence_score(answer, list(references))
    counts: dict[str, float] = {"bleu_length": found.sys_len, "bleu_reference_length": found.ref_len}
    for n in range(1, WORD_ORDERS + 1):
        counts[f"bleu_match_{n}"] = found.counts[n - 1]
        counts[f"bleu_total_{n}"] = found.totals[n - 1]
    return counts


def _rouge(answer: str, references: Sequence[str]) -> dict[str, float]:
    """ROUGE-1, ROUGE-2 and ROUGE-L F of the row, each against its best reference, by rouge-score without stemming."""
    scorer = _scorer()
    if scorer is None:
        return {}
    found = scorer.score_multi(list(references), answer)
    return {
        "row_rouge_1": found["rouge1"].fmeasure,
        "row_rouge_2": found["rouge2"].fmeasure,
        "row_rouge_l": found["rougeL"].fmeasure,
    }


@cache
def _sacrebleu() -> Any:
    try:
        from sacrebleu.metrics.bleu import BLEU
    except ImportError:
        return None
    return BLEU(effective_order=True)


@cache
def _scorer() -> Any:
    try:
        from rouge_score.rouge_scorer import RougeScorer
    except ImportError:
        return None
    return RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=False)
