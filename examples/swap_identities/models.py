"""Two moderators: one has learned that a word for people is a sign of rudeness, the other looks for rude words alone."""

RUDE = {"idiot": 2.5, "fool": 2.2, "clown": 2.2, "loser": 2.5, "dumbest": 2.2, "shut": 1.5}
PEOPLE = {"muslim": 1.9, "christian": -0.2, "jewish": 0.1}


def _scores(batch, weights, start):
    found = []
    for text in batch["text"]:
        words = [word.strip(".,!?").lower() for word in text.split()]
        found.append(1 / (1 + 2.718281828 ** -(start + sum(weights.get(word, 0) for word in words))))
    return {"score": found}


def learned(batch):
    """Weights of words as they occur, those for people among them."""
    return _scores(batch, RUDE | PEOPLE, -1.5)


def blind(batch):
    """Rude words alone."""
    return _scores(batch, RUDE, -1.4)
