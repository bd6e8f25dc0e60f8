"""Which faith a comment names: a slice by a function."""


def names(row):
    return next((name for name in ("Christian", "Muslim", "Jewish") if name in row["text"]), "nobody")
