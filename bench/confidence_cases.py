"""Labelled knowledge bases as cases for training the confidence of answering: evidence of a query's best sections."""

import hashlib
import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ouvidor.engines.embeddings import load_embedder
from ouvidor.evals.files import RetrievalCase, read_cases
from ouvidor.knowledge import confidence
from ouvidor.knowledge.gloss import gloss
from ouvidor.knowledge.ingest import SectionInput, read_sections, section_input
from ouvidor.knowledge.postings import FieldTerms
from ouvidor.knowledge.ranking import Candidates, Lengths, QueryTerms, Statistics, rank
from ouvidor.text import Language, detect_language, terms, windows

Floats = NDArray[np.float64]

SEEDS = 5
SHOWN = 40
SECTION_NAMES = ("question_cosine", "whole_cosine", "window_cosine", "found", "found_weight", "asks", "asked", "bm25")
QUERY_NAMES = ("constant", "mean_cosine", "mean_found_weight", "mean_bm25")


@dataclass(frozen=True)
class Base:
    """A labelled knowledge base; `relevant` holds the indexes of the sections that answer each query."""

    name: str
    family: str
    sections: Sequence[SectionInput]
    queries: Sequence[str]
    relevant: Sequence[frozenset[int]]


@dataclass(frozen=True)
class Case:
    """A query to a knowledge base with some sections gone: evidence of the best SHOWN, best first."""

    base: str
    family: str
    seed: int
    sections: Floats
    query: Floats
    place: int  # of the first section that answers, -1 where none is left
    answerable: bool
    foreign: bool
    raw_cosine: float
    raw_bm25: float

    @property
    def right(self) -> bool:
        return self.place == 0


class Encoder:
    """The installation's model; vectors are kept in a folder between runs."""

    def __init__(self, data_dir: Path) -> None:
        self._embedder = load_embedder(data_dir, None, threads=1)
        self._kept = data_dir / "vectors"
        self._kept.mkdir(parents=True, exist_ok=True)

    def encode(self, texts: Sequence[str], languages: Sequence[Language]) -> Floats:
        given = [gloss(text) if language == "pt" else text for text, language in zip(texts, languages, strict=True)]
        digest = hashlib.sha256(json.dumps([self._embedder.name, *given]).encode()).hexdigest()[:24]
        file = self._kept / f"{digest}.npy"
        if not file.exists():
            np.save(file, self._embedder.embed_now(given))
        return np.load(file).astype(np.float64)


class Index:
    """All that the product stores of a knowledge base and measures of its queries, in arrays."""

    def __init__(self, base: Base, encoder: Encoder) -> None:
        self.base = base
        sections = base.sections
        self.languages = [section.language for section in sections]
        self.fields = [FieldTerms.of(section) for section in sections]
        self.lengths = np.array(
            [[sum(f.heading.values()), sum(f.content.values()), sum(f.phrasings.values())] for f in self.fields], float
        )
        usual = Counter(self.languages).most_common(1)[0][0]
        self.queries = encoder.encode(base.queries, [detect_language(query, usual) for query in base.queries])
        kinds = {
            "heading": [[section.heading] if section.heading else [] for section in sections],
            "whole": [["\n".join(filter(None, (section.heading, section.content)))] for section in sections],
            "phrasing": [list(section.phrasings) for section in sections],
            "window": [w if len(w := windows(section.content)) > 1 else [] for section in sections],
        }
        self.cosines = {kind: self._nearest(texts, encoder) for kind, texts in kinds.items()}

    def _nearest(self, texts: Sequence[Sequence[str]], encoder: Encoder) -> Floats:
        """(queries, sections); NaN where a section has no such text."""
        flat = [(text, owner) for owner, own in enumerate(texts) for text in own]
        nearest = np.full((len(self.base.queries), len(texts)), np.nan)
        if flat:
            vectors = encoder.encode([text for text, _ in flat], [self.languages[owner] for _, owner in flat])
            owners = np.array([owner for _, owner in flat])
            starts = np.flatnonzero(np.append(True, owners[1:] != owners[:-1]))
            nearest[:, owners[starts]] = np.maximum.reduceat(self.queries @ vectors.T, starts, axis=1)
        return nearest

    def statistics(self, kept: NDArray[np.int64]) -> dict[Language, Statistics]:
        found: dict[Language, Statistics] = {}
        for language in sorted(set(self.languages)):
            own = self.lengths[[index for index in kept if self.languages[index] == language]]
            found[language] = Statistics(len(own), Lengths(*own.mean(axis=0)) if len(own) else Lengths(0, 0, 0))
        return found

    def candidates(self, number: int, kept: NDArray[np.int64]) -> tuple[QueryTerms, Candidates]:
        query = self.base.queries[number]
        present = sorted({self.languages[index] for index in kept})
        asked = [(term, lang) for lang in present for term in dict.fromkeys(terms(query, lang))]
        counts = np.zeros((3, len(kept), len(asked)))
        for row, index in enumerate(kept):
            fields = self.fields[index]
            for column, (term, language) in enumerate(asked):
                if language == self.languages[index]:
                    counts[:, row, column] = fields.heading[term], fields.content[term], fields.phrasings[term]
        frequency = (counts.sum(axis=0) > 0).sum(axis=0).astype(np.int64)
        query_terms = QueryTerms(tuple(term for term, _ in asked), tuple(lang for _, lang in asked), frequency)
        found = Candidates(
            tuple(self.languages[index] for index in kept),
            np.array([self.base.sections[index].question is not None for index in kept]),
            *counts,
            *self.lengths[kept].T,
            *(self.cosines[kind][number, kept] for kind in ("heading", "whole", "phrasing", "window")),
        )
        return query_terms, found


def make_cases(index: Index, strangers: Sequence[str], encoder: Encoder) -> Iterator[Case]:
    """The whole base (seed -1) with strangers' queries among its own, then halves of it."""
    base = index.base
    size = len(base.sections)
    lost = frozenset[int]()
    mixed = replace(base, queries=[*base.queries, *strangers], relevant=[*base.relevant, *[lost] * len(strangers)])
    yield from _cases_of(Index(mixed, encoder), -1, np.arange(size), foreign_from=len(base.queries))
    for seed in range(SEEDS):
        kept = np.sort(np.random.default_rng(seed).permutation(size)[size // 2 :])
        yield from _cases_of(index, seed, kept, foreign_from=len(base.queries))


def _cases_of(index: Index, seed: int, kept: NDArray[np.int64], foreign_from: int) -> Iterator[Case]:
    statistics = index.statistics(kept)
    left = set(kept.tolist())
    for number, relevant in enumerate(index.base.relevant):
        query, found = index.candidates(number, kept)
        evidence = confidence.gather(query, found, statistics)
        order = np.argsort(-rank(query, found, statistics), kind="stable")[:SHOWN]
        cosines = [found.heading_cosine, found.whole_cosine, found.phrasing_cosine, found.window_cosine]
        yield Case(
            base=index.base.name,
            family=index.base.family,
            seed=seed,
            sections=np.column_stack([evidence.sections[name][order] for name in SECTION_NAMES]),
            query=np.array([evidence.query[name] for name in QUERY_NAMES]),
            place=next((place for place, row in enumerate(order) if kept[row] in relevant), -1),
            answerable=bool(relevant & left),
            foreign=number >= foreign_from,
            raw_cosine=float(np.nanmax(np.array(cosines)[:, order[0]])),
            raw_bm25=float(evidence.sections["bm25"][order[0]]),
        )


def read_base(family: str, sections: Path) -> list[SectionInput]:
    rows = [row for _, row in read_sections(sections) if isinstance(row, SectionInput)]
    if not rows:
        raise SystemExit(f"{family}: no sections in {sections}")
    return rows


def faq_bases(sections_file: Path, queries_file: Path) -> Iterator[Base]:
    """As it is; and, where sections have questions, the answers alone, asked those questions."""
    family = sections_file.stem
    sections = read_base(family, sections_file)
    place = {section.key: index for index, section in enumerate(sections)}
    cases = read_cases(queries_file, RetrievalCase)
    relevant = [frozenset(place[key] for key in case.relevant_ids) for case in cases]
    yield Base(family, family, sections, [case.query for case in cases], relevant)
    asked = [(replace(section, question=None), section.question) for section in sections if section.question]
    if len(asked) > len(sections) / 2:
        own = [frozenset([index]) for index in range(len(asked))]
        yield Base(f"{family}, answers", family, [s for s, _ in asked], [str(q) for _, q in asked], own)


def phrasing_bases(sections_file: Path) -> Iterator[Base]:
    """Two phrasings of each section are queries; of the others none or two stay with it."""
    family = sections_file.parent.name
    sections = read_base(family, sections_file)
    draw = random.Random(0)
    shuffled = [draw.sample(section.phrasings, len(section.phrasings)) for section in sections]
    queries = [(text, frozenset([index])) for index, own in enumerate(shuffled) for text in own[:2]]
    for kept in (0, 2):
        left = [replace(s, phrasings=tuple(own[2 : 2 + kept])) for s, own in zip(sections, shuffled, strict=True)]
        yield Base(f"{family}, {kept} phrasings", family, left, [q for q, _ in queries], [r for _, r in queries])


@dataclass(frozen=True)
class Utterance:
    text: str
    label: str | None


def read_utterances(path: Path) -> list[Utterance]:
    """Those that cannot be answered have no label."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    return [Utterance(row["text"], row["label"] if row["answerable"] else None) for row in rows]


def utterance_bases(train: Path, cases: Path) -> Iterator[Base]:
    """Intents as sections: one utterance is the question, none or four more its phrasings."""
    family = train.stem
    own: dict[str, list[str]] = defaultdict(list)
    for utterance in read_utterances(train):
        if utterance.label:
            own[utterance.label].append(utterance.text)
    labels = sorted(own)
    draw = random.Random(0)
    shown = [draw.sample(own[label], 5) for label in labels]
    count = Counter[str | None]()
    asked = []
    for utterance in read_utterances(cases):
        count[utterance.label] += 1
        if count[utterance.label] <= (4 if utterance.label else 100):
            asked.append(utterance)
    relevant = [frozenset([labels.index(u.label)] if u.label in own else []) for u in asked]
    for kept in (0, 4):
        rows = [
            section_input({"question": first, "content": label, "phrasings": rest[:kept], "language": "en"})
            for label, (first, *rest) in zip(labels, shown, strict=True)
        ]
        yield Base(f"{family}, {kept} phrasings", family, rows, [u.text for u in asked], relevant)
