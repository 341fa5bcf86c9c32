"""Checks as JUnit XML, which CI servers show."""

import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from .._report.verdicts import Verdict
from .outcome import Outcome

#: Characters that XML 1.0 cannot hold, not even escaped: user text may have them.
_UNHEARD = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(outcomes: Sequence[Outcome]) -> bytes:
    """
    Return one suite, with a test case for each check.

    Parameters
    ----------
    outcomes : sequence of Outcome
        A check that fails is a failure, and so is one that is inconclusive, by its type: a server
        that shows green must not hide it. One that was not made is an error.

    Returns
    -------
    bytes
        XML, in UTF-8.
    """
    wrong = [one.report is not None and one.report.verdict is not Verdict.PASS for one in outcomes]
    errors = sum(one.report is None for one in outcomes)
    counts = {"tests": len(outcomes), "failures": sum(wrong), "errors": errors, "skipped": 0}
    told = {name: str(number) for name, number in counts.items()}
    told["time"] = f"{sum(one.seconds for one in outcomes):.3f}"
    suites = ET.Element("testsuites", told)
    suite = ET.SubElement(suites, "testsuite", {"name": "gradproof", **told})
    for one in outcomes:
        about = {"name": one.request.title, "classname": one.request.func}
        about = {name: _clean(text) for name, text in about.items()}
        case = ET.SubElement(suite, "testcase", {**about, "time": f"{one.seconds:.3f}"})
        if one.report is None:
            _add(case, "error", "not checked", one.error, one.traceback or one.error)
        elif one.report.verdict is not Verdict.PASS:
            report = one.report
            _add(case, "failure", str(report.verdict), report.finding, str(report))
        said = [str(one.report)] if one.code == 0 else []
        said.append(f"repeat: {one.request.again()}")
        ET.SubElement(case, "system-out").text = _clean("\n".join(said))
    ET.indent(suites)
    xml: bytes = ET.tostring(suites, encoding="utf-8", xml_declaration=True)
    return xml


def _add(case: ET.Element, tag: str, kind: str, message: str, text: str) -> None:
    element = ET.SubElement(case, tag, {"type": kind, "message": _clean(message)})
    element.text = _clean(text)


def _clean(text: str) -> str:
    return _UNHEARD.sub("\N{REPLACEMENT CHARACTER}", text)
