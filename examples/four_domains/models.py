"""Two lists of words: one made for films, one for general use. The lean of a text is good words less poor words."""

GENERAL = {
    "good": 1, "great": 2, "best": 2, "love": 2, "nice": 1, "thanks": 1, "happy": 2, "well": 1, "better": 1, "easy": 1,
    "like": 1, "fun": 1, "lol": 1, "win": 1, "hope": 1, "excellent": 2, "perfect": 2, "right": 1, "free": 1, "works": 1,
    "bad": -1, "worst": -2, "hate": -2, "sad": -1, "no": -1, "not": -1, "never": -1, "problem": -1, "war": -2, "death": -2,
    "wrong": -1, "poor": -1, "attack": -2, "sick": -1, "crisis": -2, "failed": -1, "lost": -1, "broken": -1, "hard": -1,
    "don't": -1, "can't": -1, "killed": -2, "terrible": -2, "sorry": -1, "against": -1, "without": -1, "violence": -2,
}  # fmt: skip
FILMS = {
    "good": 1, "great": 2, "best": 2, "love": 1, "fun": 1, "funny": 2, "moving": 2, "performance": 1, "performances": 1,
    "beautifully": 2, "charming": 2, "heart": 1, "entertaining": 2, "compelling": 2, "fascinating": 2, "film": 0.2,
    "story": 0.2, "rich": 1, "touching": 2, "powerful": 2, "humor": 1, "enjoyable": 2, "delightful": 2, "smart": 1,
    "bad": -2, "dull": -2, "boring": -2, "predictable": -1, "fails": -2, "too": -0.5, "plot": -0.5, "lacks": -2, "worst": -2,
    "script": -0.5, "mess": -2, "unfunny": -2, "minutes": -0.5, "no": -1, "nothing": -1, "neither": -1, "silly": -1,
    "tedious": -2, "flat": -1, "contrived": -2, "clumsy": -2, "stupid": -2, "thin": -1, "instead": -1, "wasted": -2,
}  # fmt: skip


def _scores(batch, weights):
    found = []
    for text in batch["text"]:
        lean = sum(weights.get(word.strip(".,!?;:()\"'").lower(), 0) for word in text.split())
        found.append(1 / (1 + 2.718281828 ** -(lean + 0.05)))
    return {"score": found}


def general(batch):
    return _scores(batch, GENERAL)


def films(batch):
    return _scores(batch, FILMS)
