"""Metrics of free text: exact match, token overlap, BLEU, chrF and ROUGE, all means or arithmetic over means."""

from seatrial.metrics.base import Formula, Metric

TEXT = frozenset({"text"})
_PRECISIONS = " + ".join(f"log(bleu_match_{n} / bleu_total_{n})" for n in range(1, 5))
_BREVITY = "exp(min(0, 1 - bleu_reference_length / bleu_length))"
_P = "(" + " + ".join(f"chrf_match_{n}/chrf_answer_{n}" for n in range(1, 7)) + ")"
_R = "(" + " + ".join(f"chrf_match_{n}/chrf_reference_{n}" for n in range(1, 7)) + ")"

METRICS: tuple[Metric, ...] = (
    Formula(
        name="exact_match",
        summary="share of the answers that are a reference, after SQuAD's normal form",
        formula="mean(row_right == 1)",
        tasks=TEXT,
    ),
    Formula(
        name="token_f1",
        summary="mean over rows of F1 over the words shared with the best reference (SQuAD)",
        formula="mean(row_token_f1)",
        tasks=TEXT,
    ),
    Formula(
        name="bleu",
        summary="BLEU of the corpus, 0 to 100: shared word n-grams to 4, with brevity penalty (sacrebleu, 13a)",
        formula=f"100*{_BREVITY}*exp(({_PRECISIONS})/4)",
        tasks=TEXT,
        margin=1.0,
        highest=100.0,
    ),
    Formula(
        name="chrf",
        summary="chrF2 of the corpus, 0 to 100: shared character n-grams to 6, recall counted twice (sacrebleu)",
        formula=f"100*5*{_P}*{_R}/(6*(4*{_P} + {_R}))",
        tasks=TEXT,
        margin=1.0,
        highest=100.0,
    ),
    *(
        Formula(
            name=f"rouge_{name}",
            summary=f"mean over rows of ROUGE-{name.upper()}: F of the {what} shared with the best reference",
            formula=f"mean(row_rouge_{name})",
            tasks=TEXT,
        )
        for name, what in (("1", "words"), ("2", "pairs of words"), ("l", "longest common subsequence of words"))
    ),
)

ALIASES = {"squad_f1": "token_f1", "rouge1": "rouge_1", "rouge2": "rouge_2", "rougel": "rouge_l", "chrf2": "chrf"}
TASK_ALIASES = {"text": {"f1": "token_f1", "accuracy": "exact_match"}}
USUAL = {"text": ("exact_match", "token_f1", "bleu", "chrf", "rouge_1", "rouge_2", "rouge_l")}
USUAL_BY_LABEL: tuple[str, ...] = ()
