"""Turn labelled utterances into sections and decision cases for `ouvidor evals run decisions`.

    python bench/prepare_intents.py TRAIN.jsonl VALIDATION.jsonl FOLDER

Rows are `{text, label, answerable}`. The answerable intents of TRAIN become sections whose phrasings are their
utterances (FOLDER/sections.jsonl); the rows of VALIDATION become cases (FOLDER/cases.jsonl).
"""

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any


def rows(path: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(path).read_text("utf-8").splitlines() if line.strip()]


def main(train: str, validation: str, folder: str) -> None:
    utterances: dict[str, list[str]] = defaultdict(list)
    for row in rows(train):
        if row["answerable"]:
            utterances[row["label"]].append(row["text"])
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    with (out / "sections.jsonl").open("w", encoding="utf-8") as file:
        for label, texts in utterances.items():
            title = label.replace("_", " ")
            section = {"id": label, "title": title, "content": title, "phrasings": texts, "language": "en"}
            file.write(json.dumps(section) + "\n")
    with (out / "cases.jsonl").open("w", encoding="utf-8") as file:
        for row in rows(validation):
            relevant = [row["label"]] if row["answerable"] else []
            case = {"query": row["text"], "answerable": row["answerable"], "relevant_ids": relevant}
            file.write(json.dumps(case) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:4])
