"""Take 20 documents of wikigold (Balasubramanian, Ringland, Nothman, Hachey, Curran 2009, CC BY 4.0) to test on, and the
names of the others for the list (only those named twice).

It needs wikigold.conll of the data folder of the project's tests; the files it writes are all the example needs.
"""

import collections
import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).parent
TESTED = 20


def main(source: str) -> None:
    documents = re.split(r"(?=^-DOCSTART-)", Path(source).read_text(), flags=re.MULTILINE)
    documents = [document for document in documents if document.strip()]
    (HERE / "wikigold_sample.conll").write_text("".join(documents[:TESTED]))
    seen: collections.Counter[tuple[str, str]] = collections.Counter()
    for sentence in "\n".join(documents[TESTED:]).split("\n\n"):
        words: list[str] = []
        last = "O"
        for line in [*sentence.splitlines(), "end O"]:
            token, _, tag = line.rpartition(" ")
            if words and tag != last:
                seen[" ".join(words), last[2:]] += 1
                words = []
            if tag != "O":
                words.append(token)
            last = tag
    names = {name: label for (name, label), count in sorted(seen.items()) if count > 1}
    (HERE / "names.json").write_text(json.dumps(names, indent=0, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
