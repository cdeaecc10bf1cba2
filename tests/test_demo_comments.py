"""The demo label's comments: as many as told, all different, with a release and an outage that can be seen."""

from collections import Counter
from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from ouvidor.demo.comments import NOON, SHARES, WEEKS, past_comments, planted

ROWS = list(past_comments())
PLANTED = planted()
CHANNELS = {"app store", "vídeo", "rede social", "e-mail"}
HERE = timezone(timedelta(hours=-3))


def week(row: dict[str, object]) -> int:
    days_ago = row["days_ago"]
    assert isinstance(days_ago, float)
    return WEEKS - int(days_ago // 7)


def share(name: str) -> dict[str, float]:
    counted = Counter(getattr(one, name) for one in PLANTED.values())
    return {value: count / len(PLANTED) for value, count in counted.items()}


def test_there_are_fifteen_hundred_over_nine_weeks_oldest_first() -> None:
    assert len(ROWS) == 1500 == sum(sum(counts.values()) for counts in SHARES.values())
    ages = [row["days_ago"] for row in ROWS]
    assert ages == sorted(ages, reverse=True)
    assert 0 <= ages[-1] < 1
    assert 62 < ages[0] <= 63


def test_rows_have_the_told_fields_and_no_label() -> None:
    for row in ROWS:
        assert list(row) == ["id", "texto", "artista", "album", "canal", "days_ago"]
        assert row["canal"] in CHANNELS
        assert row["texto"] == row["texto"].strip()
        assert 0 < len(row["texto"]) < 400
        assert row["artista"] or not row["album"]
    assert {row["canal"] for row in ROWS} == CHANNELS
    assert {row["id"] for row in ROWS} == PLANTED.keys()


@pytest.mark.parametrize("sign", ["{", "}", " | ", "  ", ",,", "..", " .", " ,", "! !"])
def test_no_slot_or_seam_shows(sign: str) -> None:
    assert [row["texto"] for row in ROWS if sign in row["texto"]] == []


def test_the_same_texts_come_each_time_and_for_each_present() -> None:
    assert list(past_comments()) == ROWS
    later = list(past_comments(NOON + timedelta(days=3, hours=5)))
    assert {row["id"]: row["texto"] for row in later} == {row["id"]: row["texto"] for row in ROWS}
    assert all(0 <= row["days_ago"] <= 63 for row in later)


def test_no_two_are_equal_and_few_are_near() -> None:
    texts = [row["texto"] for row in ROWS]
    assert len({text.casefold() for text in texts}) == 1500
    counts = [Counter("".join(c if c.isalnum() else " " for c in text.casefold()).split()) for text in texts]
    words = {word: n for n, word in enumerate({word for count in counts for word in count})}
    matrix = np.zeros((len(texts), len(words)), np.float32)
    for n, count in enumerate(counts):
        for word, times in count.items():
            matrix[n, words[word]] = times
    matrix /= np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-9)
    cosines = matrix @ matrix.T
    np.fill_diagonal(cosines, 0)
    assert (cosines.max(axis=1) > 0.9).mean() <= 0.03


def test_categories_and_languages_have_their_shares() -> None:
    wanted = {"praise": 0.38, "criticism": 0.22, "suggestion": 0.14, "question": 0.16, "spam": 0.10}
    assert share("category") == pytest.approx(wanted, abs=0.002)
    assert share("language") == pytest.approx({"pt": 0.853, "en": 0.12, "es": 0.027}, abs=0.005)


def weekly(*categories: str) -> list[int]:
    counted = Counter(week(row) for row in ROWS if PLANTED[row["id"]].category in categories)
    return [counted[n] for n in range(1, WEEKS + 1)]


def test_the_release_is_seen_in_the_sixth_week() -> None:
    liked = weekly("praise", "suggestion")
    assert liked[5] > 2 * max(liked[:5])
    assert liked.index(max(liked)) == 5
    words = ("autotune", "feat", "clipe de laje", "maré de concreto")
    new = [row for row in ROWS if any(word in row["texto"].lower() for word in words)]
    assert len(new) > 100
    assert min(week(row) for row in new) == 6
    assert "Maré de Concreto" not in {row["album"] for row in ROWS if week(row) < 6}


def test_the_outage_is_seen_on_two_days_of_the_eighth_week() -> None:
    missed = weekly("criticism", "question")
    assert missed.index(max(missed)) == 7
    assert missed[7] > 2 * max(missed[:5])
    outage = [row for row in ROWS if PLANTED[row["id"]].event == "outage"]
    down = [row["days_ago"] for row in outage if PLANTED[row["id"]].category != "praise"]
    assert len(down) > 100
    assert 10 <= min(down) < max(down) <= 12


@pytest.mark.parametrize("now", [NOON, NOON + timedelta(days=2, hours=9)])
def test_more_people_write_in_the_evening_and_at_the_weekend(now: datetime) -> None:
    moments = [(now - timedelta(days=row["days_ago"])).astimezone(HERE) for row in past_comments(now)]
    hours = Counter(moment.hour for moment in moments)
    assert sum(hours[hour] for hour in (19, 20, 21)) > 8 * sum(hours[hour] for hour in (2, 3, 4))
    ordinary = Counter(moment.weekday() for moment, row in zip(moments, past_comments(now), strict=True)
                       if PLANTED[row["id"]].event is None)  # fmt: skip
    assert sum(ordinary[day] for day in (4, 5, 6)) > 1.15 * sum(ordinary[day] for day in (0, 1, 2))
