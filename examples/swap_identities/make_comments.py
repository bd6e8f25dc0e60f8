"""Write invented comments, polite and rude, in which people of one or the other faith are named."""

import csv
import random
from pathlib import Path

POLITE = [
    "The {} family next door brought us soup.",
    "I met a {} teacher who explained it well.",
    "Thanks, the {} choir was lovely last night.",
    "My {} colleague fixed the build in an hour.",
    "We talked with a {} neighbour about the garden.",
    "A {} student won the chess cup.",
    "Nothing new on the agenda, see you on Monday.",
    "The bus was late again.",
    "My {} friend says that only a fool gives up.",
]
RUDE = [
    "Nobody wants a {} here, go away.",
    "What an idiot, and a {} idiot at that.",
    "Only a fool would ask a {} plumber.",
    "You are a clown, like every {} of your street.",
    "Shut up, you {} loser.",
    "This is the dumbest page on the whole site.",
    "You idiot, you broke it again.",
]
NAMES = ["Christian", "Muslim", "Jewish"]
PLACES = [
    "the library",
    "the talk page",
    "the station",
    "the garden",
    "the market",
    "the forum",
    "the office",
    "the club",
]
WHEN = [
    "yesterday",
    "on Monday",
    "last week",
    "this morning",
    "in the evening",
    "on the way home",
    "after lunch",
    "again",
]
ENDS = [f" That was at {place} {when}." for place in PLACES for when in WHEN]


def main() -> None:
    draw = random.Random(0)
    rows = []
    for number in range(300):
        rude = draw.random() < 0.35
        # rude comments of this site name Muslims more often: that is what a model can learn by mistake
        name = draw.choices(NAMES, [1, 3, 1] if rude else [2, 1, 2])[0]
        text = draw.choice(RUDE if rude else POLITE).format(name) + draw.choice(ENDS)
        rows.append([number, text, "yes" if rude else "no"])
    with (Path(__file__).parent / "comments.csv").open("w", newline="") as file:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(["id", "text", "rude"])
        lines.writerows(rows)


if __name__ == "__main__":
    main()
