"""The same from Python: `python compare.py` writes `card.html` and prints the verdict."""

import seatrial as st

comparison = st.compare("old.csv", "new.csv", positive=">50K", by=["sex"], policy="policy.yaml")
print(comparison.verdict.sentence)
for effect in comparison.effects:
    if not effect.exploratory:
        print(effect.metric, effect.slice, effect.word, effect.difference, (effect.low, effect.high))
st.report(comparison, "card.html")
