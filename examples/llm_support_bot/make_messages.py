"""Write messages.csv: invented messages to a bank's support, several of one customer."""

import csv
import random

ASKED = {
    "card lost": [
        "i lost my card",
        "my card was stolen",
        "my card is missing since monday",
        "the machine swallowed my card",
    ],
    "pin": ["i forgot my pin", "how do i change my code", "a new pin please", "my code does not work"],
    "refund": ["i want my money back", "please refund the order", "how do i return this", "will you reimburse me"],
    "balance": ["what is my balance", "how much do i have left", "show me the balance", "where does my account stand"],
    "transfer": ["send 20 euro to ann", "transfer money to my son", "can i send money abroad", "make a transfer"],
    "fees": ["why was i charged", "what does a card cost", "which fees are there", "is there a charge for paper"],
    "out of scope": ["how is the weather", "tell me a joke", "who won the match", "what is for lunch"],
}
OPENINGS = ["", "hello, ", "good morning, ", "quick question: "]
ENDINGS = ["", " thanks", " it is urgent", " i have asked before"]


def rows() -> list[dict[str, str]]:
    """Every message in several wordings, in a drawn order."""
    drawn = random.Random(6)
    every = [
        {"text": f"{opening}{asked}{ending}", "intent": intent}
        for intent, messages in ASKED.items()
        for asked in messages
        for opening in OPENINGS
        for ending in ENDINGS
    ]
    chosen = drawn.sample(every, 240)
    return [
        {"id": f"m{at}", "customer": f"c{at // 3}", "channel": drawn.choice(["chat", "mail"]), **row}
        for at, row in enumerate(chosen)
    ]


if __name__ == "__main__":
    with open("messages.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["id", "customer", "channel", "text", "intent"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows())
