"""Trains the local analyst and writes src/ouvidor/analysis/local/judgement.json.

    python bench/train_analysis.py DATA.jsonl… [--write]

DATA is what `ouvidor evals run analysis --cases` takes: {turns: [{role, text}], satisfied?, goal_done?, user_annoyed?,
satisfaction?}. Our own examples (src/ouvidor/analysis/local/examples.jsonl) take part in every training. What ships was
trained on those and on star_dialogues.jsonl (STAR, MIT). Without --write it tells what would be written.
"""

import argparse
from pathlib import Path

from ouvidor.analysis.local import judgement
from ouvidor.analysis.local.examples import LabelledConversation, own_examples
from ouvidor.analysis.local.train import train
from ouvidor.evals.files import read_cases

TARGET = Path(judgement.__file__).with_name("judgement.json")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("data", nargs="*", type=Path)
    arguments.add_argument("--write", action="store_true")
    given = arguments.parse_args()
    rows = [row for path in given.data for row in read_cases(path, LabelledConversation) if row.turns]
    own = own_examples()
    model = train([*own, *(row.example() for row in rows)])
    sources = [f"examples.jsonl ({len(own)})", *(f"{path.name} ({len(rows)} with turns)" for path in given.data)]
    text = judgement.model_to_json(model, sources)
    for head, trained in [*model.heads.items(), ("satisfaction", model.satisfaction)]:
        heavy = sorted(zip(model.names, trained.weights.tolist(), strict=True), key=lambda pair: -abs(pair[1]))[:14]
        print(head, ", ".join(f"{name} {weight:+.2f}" for name, weight in heavy))
    if given.write:
        TARGET.write_text(text, encoding="utf-8")
        print(f"wrote {TARGET}")


if __name__ == "__main__":
    main()
