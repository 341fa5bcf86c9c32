"""The record of the calibration: repeatable, and it says what differs."""

import json

import pytest

pytestmark = pytest.mark.library("torch")

CHEAP = ["--first", "7", "--dtypes", "float64,float16", "--families", "smooth", "--only", "linear"]


@pytest.fixture
def main(monkeypatch):
    pytest.importorskip("torch")
    from tests.calibration import calibrate

    # One process, whose settings stay those of the test run.
    monkeypatch.setattr(calibrate, "_quiet", lambda: None)
    return lambda *given: calibrate.main([*CHEAP, "--workers", "1", *map(str, given)])


def test_a_record_is_the_same_twice(main, tmp_path, capsys):
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    assert main("--record", first) == 0
    assert main("--record", second, "--compare", first) == 0
    assert first.read_bytes() == second.read_bytes()
    assert "\n0 of 24 claims differ." in capsys.readouterr().out


def test_a_comparison_names_what_differs(main, tmp_path, capsys):
    path = tmp_path / "record.jsonl"
    main("--record", path)
    # The cases of the other dtype are not in the run that is compared.
    ran = ("--compare", path, "--dtypes", "float64")
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    calls = lines[1]["nfev"]
    lines[1] |= {"nfev": 2 * calls}
    _write(path, lines)
    assert main(*ran) == 0
    assert "\n1 of 12 claims differ." in capsys.readouterr().out

    lines[0] |= {"verdict": "inconclusive"}
    gone = lines.pop(11)
    _write(path, lines)
    assert main(*ran) == 1
    said = capsys.readouterr().out
    assert "float64, smooth, linear, 7, right: verdict inconclusive -> pass\n" in said
    assert f"float64, smooth, linear, 7, sign: nfev {2 * calls} -> {calls}\n" in said
    assert f"float64, smooth, linear, 7, {gone['claim']}: only after, fail\n" in said
    assert "\n3 of 12 claims differ." in said
    assert "| float64 | smooth | 0 / 0 / 1 -> 1 / 0 / 0 | 10 / 0 / 0 -> 11 / 0 / 0 |" in said


def _write(path, lines):
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
