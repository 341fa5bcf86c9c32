"""What the command line writes: JSON in its schema, JUnit XML, HTML, Markdown and plots."""

import json
from importlib import resources
from xml.etree import ElementTree as ET

import pytest
from tests.doors.cli import folder, refused, told

__all__ = ["folder"]

RIGHT = ("check", "model:loss", "model:grad", "--x0=[1.5, -1.5]")
WRONG = ("check", "model:loss", "model:sign", "--x0=[1.5, -1.5]")
OPEN = ("check", "model:stepped", "model:grad", "--x0=[1.5, -1.5]")
RAISING = ("check", "model:raising", "model:grad", "--x0=[1.5, -1.5]")
MISSING = ("check", "model:missing", "model:grad", "--x0=[1.5, -1.5]")
PYTREE = ("check", "model:fit", "model:fit_wrong", "--x0=model:table", "--arg=data.npy")
JACOBIAN = ("check", "model:sine", "model:sine_jac", "--x0=x.npy")
JVP = ("jvp", "model:sine", "model:product", "--x0=x.npy")

SEVERAL = """\
[[check]]
name = "<a> & 'b'"
func = "model:loss"
claim = "model:sign"
x0 = [1.5, -1.5]

[[check]]
name = "right"
func = "model:loss"
claim = "model:grad"
shape = 2

[[check]]
name = "raises"
func = "model:raising"
claim = "model:grad"
shape = 2
"""


def schema(name: str) -> dict:
    file = resources.files("gradproof") / "schemas" / f"{name}-1.json"
    return json.loads(file.read_text(encoding="utf-8"))


@pytest.mark.library("jsonschema")
@pytest.mark.library("numpy")
@pytest.mark.usefixtures("folder")
class TestSchema:
    @pytest.mark.parametrize(
        ("words", "code"),
        [(RIGHT, 0), (WRONG, 1), (OPEN, 4), (RAISING, 3), (PYTREE, 1), (JVP, 0)],
        ids=["right", "wrong", "open", "raising", "pytree", "jvp"],
    )
    def test_results(self, capsys, words, code):
        import jsonschema

        known = schema("results")
        jsonschema.Draft202012Validator.check_schema(known)
        got, out, _ = told(capsys, *words, "--json")
        assert got == code
        found = json.loads(out, parse_constant=pytest.fail)
        jsonschema.validate(found, known)
        found["checks"][0]["verdict"] = "maybe"
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(found, known)

    def test_several(self, capsys, folder):
        import jsonschema

        (folder / "gradproof.toml").write_text(SEVERAL)
        code, out, _ = told(capsys, "run", "--json")
        assert code == 1
        found = json.loads(out)
        jsonschema.validate(found, schema("results"))
        assert [one["exit_code"] for one in found["checks"]] == [1, 0, 3]

    def test_doctor(self, capsys, monkeypatch):
        import jsonschema

        monkeypatch.setattr("gradproof._cli.doctor._BACKENDS", {"numpy": "numpy"})
        code, out, _ = told(capsys, "doctor", "--json")
        assert code == 0
        known = schema("doctor")
        jsonschema.Draft202012Validator.check_schema(known)
        jsonschema.validate(json.loads(out), known)


@pytest.mark.usefixtures("folder")
class TestFiles:
    def test_error_in_json(self, capsys):
        """A program learns why there is no report; a person reads it beside."""
        code, out, err = told(capsys, *MISSING, "--json")
        (check,) = json.loads(out)["checks"]
        assert (code, check["exit_code"], check["report"]) == (2, 2, None)
        assert "there is no 'missing'" in check["error"]
        assert check["error"] in err

    @pytest.mark.parametrize(
        ("words", "code", "tag", "kind"),
        [
            (WRONG, 1, "failure", "fail"),
            (OPEN, 4, "failure", "inconclusive"),
            (RAISING, 3, "error", "not checked"),
            (MISSING, 2, "error", "not checked"),
        ],
    )
    def test_junit(self, capsys, folder, words, code, tag, kind):
        assert told(capsys, *words, "--junit=junit.xml")[0] == code
        (case,) = ET.parse(folder / "junit.xml").getroot().iter("testcase")
        assert case.get("name") == " ".join(words[:3])
        assert float(case.get("time", "")) >= 0
        (found,) = case.iter(tag)
        assert found.get("type") == kind
        assert found.get("message")
        assert found.text
        assert ("my <own> & " in found.text) == (words is RAISING)  # as it is, once parsed
        assert "\x1b" not in (folder / "junit.xml").read_text()  # which no XML can hold

    def test_junit_of_several(self, capsys, folder):
        (folder / "gradproof.toml").write_text(SEVERAL)
        assert told(capsys, "run", "--junit=junit.xml")[0] == 1
        root = ET.parse(folder / "junit.xml").getroot()
        counts = [root.get(name) for name in ("tests", "failures", "errors")]
        assert counts == ["3", "1", "1"]
        wrong, right, _ = root.iter("testcase")
        assert wrong.get("name") == "<a> & 'b'"
        assert wrong.find("failure") is not None
        assert [child.tag for child in right] == ["system-out"]
        assert (right.findtext("system-out") or "").startswith("pass: ")

    def test_pages(self, capsys, folder):
        assert told(capsys, *WRONG, "--html=page.html", "--markdown=page.md")[0] == 1
        assert (folder / "page.html").read_text(encoding="utf-8").startswith("<!")
        assert "fail" in (folder / "page.md").read_text(encoding="utf-8")

    def test_pages_of_several(self, capsys, folder):
        (folder / "gradproof.toml").write_text(SEVERAL)
        assert told(capsys, "run", "--html=pages", "--markdown=all.md")[0] == 1
        assert sorted(page.name for page in (folder / "pages").iterdir()) == [
            "_a_____b_.html",
            "raises.html",
            "right.html",
        ]
        text = (folder / "all.md").read_text(encoding="utf-8")
        assert text.count("\n## ") == 2
        assert "Not checked: ValueError: my <own>" in text

    def test_no_page_of_an_earlier_check(self, capsys, folder):
        """Where nothing was checked, no page may say pass."""
        assert told(capsys, *RIGHT, "--html=page.html")[0] == 0
        assert told(capsys, *RAISING, "--html=page.html")[0] == 3
        page = (folder / "page.html").read_text(encoding="utf-8")
        assert "not checked: ValueError: my &lt;own&gt; &amp; " in page

    @pytest.mark.parametrize(("words", "code"), [(RIGHT, 2), (WRONG, 1), (RAISING, 3)])
    def test_no_room(self, capsys, monkeypatch, words, code):
        """A fail stays one; a pass is none whose report is lost."""

        def full(*_, **__):
            raise OSError("no space left")

        monkeypatch.setattr("pathlib.Path.write_bytes", full)
        got, _, err = told(capsys, *words, "--junit=junit.xml")
        assert got == code
        assert "its report cannot be written: no space left" in err

    @pytest.mark.library("matplotlib")
    @pytest.mark.library("numpy")
    def test_plot(self, capsys, folder):
        assert told(capsys, *WRONG, "--plot=plot.png")[0] == 1
        assert (folder / "plot.png").read_bytes().startswith(b"\x89PNG")
        assert told(capsys, *WRONG, "--plot=plot.svg")[0] == 1
        assert "<svg" in (folder / "plot.svg").read_text()
        # Where there is nothing to draw, the verdict stands.
        code, _, err = told(capsys, *WRONG, "--plot=plot.nothing")
        assert code == 1
        assert err.startswith("gradproof: no plot in ")

    @pytest.mark.library("matplotlib")
    @pytest.mark.library("numpy")
    @pytest.mark.parametrize("kind", ["entries", "steps", "leaf", "jacobian"])
    def test_plot_kind(self, capsys, folder, monkeypatch, kind):
        """Each kind is drawn by what draws it in Python, of a check that has it."""
        from gradproof import Report

        calls = []
        for name in ("entries", "steps", "leaf", "jacobian"):
            draws = getattr(Report, f"plot_{name}")

            def noted(self, *args, name=name, draws=draws, **kwargs):
                calls.append(name)
                return draws(self, *args, **kwargs)

            monkeypatch.setattr(Report, f"plot_{name}", noted)
        words = JACOBIAN if kind == "jacobian" else WRONG
        code, _, err = told(capsys, *words, "--plot=plot.png", f"--plot-kind={kind}")
        assert (code, err, calls) == (0 if kind == "jacobian" else 1, "", [kind])
        assert (folder / "plot.png").read_bytes().startswith(b"\x89PNG")

    @pytest.mark.library("matplotlib")
    @pytest.mark.library("numpy")
    def test_plot_of_another_kind(self, capsys, folder):
        """What there is instead is said as it is typed; the verdict stands, and no file is left."""
        vjp = ("vjp", "model:sine", "model:product", "--x0=x.npy")
        code, _, err = told(capsys, *vjp, "--plot=plot.png", "--plot-kind=jacobian")
        assert code == 0
        assert "slopes were measured, as of a gradient" in err
        assert "--plot-kind leaf, or entries, shows them" in err
        assert "()" not in err
        assert not (folder / "plot.png").exists()
        cube = ("check", "model:cube", "model:cube_grad", "--shape=400", "--directions=auto")
        many = (*cube, "--plot=plot.png")
        _, _, err = told(capsys, *many)
        assert "which --plot-kind steps shows; --directions all measures each entry" in err
        assert told(capsys, *many, "--plot-kind=steps")[2] == ""

    def test_plot_kind_refused(self, capsys):
        assert "expected --plot PATH, too" in refused(capsys, *WRONG, "--plot-kind=steps")
        said = refused(capsys, *WRONG, "--plot=plot.png", "--plot-kind=step")
        assert "'step' is not one of 'entries', 'steps', 'leaf', 'jacobian'" in said

    @pytest.mark.library("matplotlib")
    @pytest.mark.library("numpy")
    def test_plots_of_several(self, capsys, folder, monkeypatch):
        """A file says it for each check, and for all; the command line goes before."""
        from gradproof._cli import drawing, outputs

        kinds = {}
        draw = drawing.draw

        def noted(outcome, path, *, kind):
            kinds[path.name] = kind or outcome.request.plot_kind
            draw(outcome, path, kind=kind)

        monkeypatch.setattr(outputs, "draw", noted)
        checks = f'[defaults]\nplot_kind = "steps"\n\n{SEVERAL}'
        checks = checks.replace("shape = 2\n", 'shape = 2\nplot_kind = "leaf"\n', 1)
        (folder / "gradproof.toml").write_text(checks)
        assert told(capsys, "run", "--plot=plots")[0] == 1
        drawn = {"_a_____b_.png", "right.png"}
        assert {path.name for path in (folder / "plots").iterdir()} == drawn
        assert kinds == {"_a_____b_.png": "steps", "right.png": "leaf", "raises.png": "steps"}
        assert told(capsys, "run", "--plot=plots", "--plot-kind=entries")[0] == 1
        assert set(kinds.values()) == {"entries"}
        (folder / "gradproof.toml").write_text(checks.replace('"leaf"', '"leaves"'))
        assert "plot_kind: 'leaves' is not one of" in refused(capsys, "run")

    def test_plot_without_matplotlib(self, capsys, monkeypatch):
        monkeypatch.setattr("gradproof._cli.outputs.find_spec", lambda name: None)
        assert "pip install 'gradproof[plot]'" in refused(capsys, *WRONG, "--plot=plot.png")

    @pytest.mark.parametrize("name", ["html", "markdown", "junit"])
    def test_places(self, capsys, folder, name):
        (folder / "a_folder").mkdir()
        (folder / "a_file").write_text("")
        (folder / "gradproof.toml").write_text(SEVERAL)
        assert "there is no folder 'nowhere'" in refused(capsys, *WRONG, f"--{name}=nowhere/x")
        assert "is a folder" in refused(capsys, *WRONG, f"--{name}=a_folder")
        if name == "html":
            assert "expected a folder" in refused(capsys, "run", "--html=a_file")


@pytest.mark.usefixtures("folder")
class TestColour:
    @pytest.mark.parametrize("columns", [60, 80, 120])
    def test_none_beside_a_terminal(self, capsys, folder, monkeypatch, columns):
        monkeypatch.setenv("COLUMNS", str(columns))
        (folder / "gradproof.toml").write_text(SEVERAL)
        _, out, _ = told(capsys, "run", "--only=right", "--only=<a>*")
        assert "\x1b" not in out
        table = out[out.index(" check ") :]
        assert max(map(len, table.splitlines())) <= columns

    def test_on_a_terminal(self, capsys, monkeypatch):
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("TERM", "xterm-256color")
        assert told(capsys, *WRONG)[1].startswith("\x1b[1;31mfail\x1b[0m")
        monkeypatch.setenv("NO_COLOR", "1")
        assert "\x1b[1;31m" not in told(capsys, *WRONG)[1]
