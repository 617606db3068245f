"""New codes: random, kept, private, and reproducible for made-up studies only."""

import pandas as pd
import pytest

from needling.privacy.rekey import Keys
from needling.study.keys import StudyError

IDS = [f"S{number:03d}" for number in range(200)]


def test_codes_do_not_depend_on_the_order_of_rows(tmp_path):
    forward = Keys.open(tmp_path / "a.csv", seed=5).codes("patient", IDS)
    backward = Keys.open(tmp_path / "b.csv", seed=5).codes("patient", [*IDS[::-1], *IDS, None])
    assert forward == backward
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert sorted(forward.values()) == [f"P{number:04d}" for number in range(1, 201)]


def test_codes_say_nothing_of_the_ids(tmp_path):
    for seed in (1, 2, None):
        codes = Keys.open(tmp_path / f"{seed}.csv", seed=seed).codes("patient", IDS)
        order = pd.Series([int(codes[one][1:]) for one in IDS])
        assert abs(order.corr(pd.Series(range(200)))) < 0.3
    drawn = {tuple(Keys.open(tmp_path / f"x{n}.csv").codes("patient", IDS).items()) for n in range(3)}
    assert len(drawn) == 3


def test_known_people_keep_their_codes(tmp_path):
    path = tmp_path / "keys" / "study.csv"
    first = dict(Keys.open(path).codes("patient", IDS[50:150]))
    later = Keys.open(path).codes("patient", IDS)
    assert {one: later[one] for one in first} == first
    assert sorted(later.values()) == [f"P{number:04d}" for number in range(1, 201)]
    before = path.read_bytes()
    Keys.open(path).codes("patient", IDS)
    assert path.read_bytes() == before


def test_made_up_studies_do_not_depend_on_what_an_earlier_run_left(tmp_path):
    path = tmp_path / "demo.csv"
    Keys.open(path, seed=3).codes("patient", ["other", *IDS[:20]])
    again = Keys.open(path, seed=3).codes("patient", IDS)
    assert again == Keys.open(tmp_path / "fresh.csv", seed=3).codes("patient", IDS)


def test_kinds_have_their_own_numbers(tmp_path):
    keys = Keys.open(tmp_path / "key.csv", seed=1)
    assert set(keys.codes("therapist", ["anna", "ben"]).values()) == {"T01", "T02"}
    assert set(keys.codes("clinic", ["anna"]).values()) == {"C01"}
    assert len(keys.codes("clinic", map(str, range(120)))) == 121
    assert keys.codes("clinic", [])["anna"] == "C01"


def test_only_the_owner_may_read_the_key(tmp_path):
    path = tmp_path / "keys" / "study.csv"
    Keys.open(path).codes("patient", ["a"])
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert [file.name for file in path.parent.iterdir()] == ["study.csv"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a,b\n1,2\n",
        "kind,id,code\npatient,a,P0001\npatient,b,P0001\n",
        "kind,id,code\npatient,a,P0001\npatient,a,P0002\n",
        "kind,id,code\ndog,a,P0001\n",
        "kind,id,code\npatient,a,Rex\n",
        'kind,id,code\n"patient,a',
    ],
)
def test_a_damaged_key_stops(tmp_path, text):
    (tmp_path / "key.csv").write_text(text)
    with pytest.raises(StudyError, match="not a sound key"):
        Keys.open(tmp_path / "key.csv")
    assert (tmp_path / "key.csv").read_text() == text
