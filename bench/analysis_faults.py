"""The bot's faults that the local analyst finds in conversations with one planted fault or none.

    python bench/analysis_faults.py [FILE.jsonl]

Prints one JSON object: of the planted faults those found, and those found at their place; of the conversations without
a fault those with an alarm; both by kind. Without a file it takes tests/analysis_faults.jsonl. A conversation a line:
`{"id", "fault": kind or null, "at": [positions], "turns": [{"role", "text"}]}`.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from fault_scores import CASES, cases_of, scores_of


def main() -> None:
    """Prints the scores of the file that the command names."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else CASES
    print(json.dumps(scores_of(cases_of(path)).shown, indent=2))


if __name__ == "__main__":
    main()
