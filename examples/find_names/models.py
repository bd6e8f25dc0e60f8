"""Two taggers: a list of names seen before, and the same with a guess for capitals that are not in it."""

import json
from pathlib import Path

NAMES = json.loads((Path(__file__).parent / "names.json").read_text())
LONGEST = 5
SMALL = {
    "The",
    "A",
    "An",
    "In",
    "On",
    "At",
    "It",
    "He",
    "She",
    "They",
    "This",
    "His",
    "Her",
    "After",
    "As",
    "From",
    "For",
}


def _listed(tokens):
    found, at = ["O"] * len(tokens), 0
    while at < len(tokens):
        for length in range(LONGEST, 0, -1):
            label = NAMES.get(" ".join(tokens[at : at + length])) if at + length <= len(tokens) else None
            if label:
                found[at : at + length] = [f"B-{label}"] + [f"I-{label}"] * (length - 1)
                at += length - 1
                break
        at += 1
    return found


def _capitals(tokens):
    """Runs of two or more words in capitals, inside a sentence, are people."""
    found, at = _listed(tokens), 1
    while at < len(tokens):
        end = at
        while end < len(tokens) and found[end] == "O" and tokens[end][:1].isupper() and tokens[end] not in SMALL:
            end += 1
        if end - at >= 2:
            found[at:end] = ["B-PER"] + ["I-PER"] * (end - at - 1)
        at = max(end, at) + 1
    return found


def listed(batch):
    return [_listed(tokens) for tokens in batch["tokens"]]


def capitals(batch):
    return [_capitals(tokens) for tokens in batch["tokens"]]
