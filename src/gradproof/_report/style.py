"""How a page looks, in light and in dark, and what its buttons do."""

from .heat import STEPS

_LIGHT = """--ok:#1a7f37;--bad:#b3261e;--open:#8a5a00;--line:#d0d7de;--soft:#57606a;--ground:#fff;
--ink:#1f2328;--c0:#f0f0f0;--c1:#fbe3a8;--c2:#f6b26b;--c3:#e06c3c;--c4:#b3261e;--c5:#6a0f14;
--none:#c8ccd1"""
_DARK = """--ok:#57d364;--bad:#ff8a80;--open:#f0c36d;--line:#3d444d;--soft:#9aa4af;--ground:#14181d;
--ink:#e6edf3;--c0:#2a3038;--c1:#6b5413;--c2:#a5651e;--c3:#d2662f;--c4:#f0483c;--c5:#ffb3ab;
--none:#4a525c"""
#: How JupyterLab, VS Code, and Sphinx's themes say which scheme a reader has switched to.
_SWITCHES = ('[data-jp-theme-light="{light}"]', ".vscode-{name}", '[data-theme="{name}"]')


def _switched(name: str, colours: str) -> str:
    """Return the rule for pages that have a scheme of their own, whatever the system prefers."""
    light = "true" if name == "light" else "false"
    places = (f"{one.format(name=name, light=light)} .gradproof" for one in _SWITCHES)
    return f"{','.join(places)}{{{colours}}}"


STYLE = f""".gradproof{{{_LIGHT}}}
@media (prefers-color-scheme:dark){{.gradproof{{{_DARK}}}}}
{_switched("light", _LIGHT)}
{_switched("dark", _DARK)}
"""
STYLE += """
.gradproof{color:var(--ink);background:var(--ground);font:14px/1.45 system-ui,sans-serif;
border:1px solid var(--line);border-radius:6px;padding:12px 16px;max-width:60em;
overflow-wrap:anywhere}
.gradproof p{margin:.35em 0}.gradproof .verdict{font-weight:700;text-transform:uppercase}
.gradproof .pass{color:var(--ok)}.gradproof .fail{color:var(--bad)}
.gradproof .inconclusive{color:var(--open)}.gradproof .finding{font-size:1.15em}
.gradproof .soft{color:var(--soft)}.gradproof code,.gradproof td,.gradproof th{
font-family:ui-monospace,monospace;font-size:.92em}.gradproof .scroll{overflow-x:auto}
.gradproof table{border-collapse:collapse;margin:.4em 0;color:inherit}
.gradproof th,.gradproof td{padding:2px 10px 2px 0;text-align:right;border-bottom:1px solid
var(--line);background:none;white-space:nowrap;overflow-wrap:normal}
.gradproof th:first-child,.gradproof td:first-child{text-align:left}
.gradproof th button{all:unset;cursor:pointer;font-weight:600}.gradproof th button:focus-visible,
.gradproof summary:focus-visible,.gradproof .copy:focus-visible{outline:2px solid var(--open)}
.gradproof ul{list-style:none!important;padding-left:0!important;margin:.4em 0}
.gradproof summary{cursor:pointer}
.gradproof li ul{margin:.1em 0 .1em 1.4em}
.gradproof svg{max-width:100%;height:auto;border:1px solid var(--line)}
.gradproof .none{fill:var(--none)}.gradproof .patch{vertical-align:-1px}
.gradproof .scroll{max-height:24em;overflow-y:auto}
.gradproof .copy{font:inherit;cursor:pointer}
.gradproof .steps{border:0}.gradproof .steps path{fill:none;stroke:var(--soft)}
.gradproof .steps text{fill:var(--soft);font-size:11px}.gradproof .steps .dots{fill:var(--ink)}
.gradproof .steps .error{stroke:var(--ink)}.gradproof .steps .noise{stroke-dasharray:2 3}
.gradproof .steps .limit{stroke:var(--bad);stroke-dasharray:7 4}
"""
SCRIPT = """
document.querySelectorAll('.gradproof th button').forEach(function(b){b.onclick=function(){
var t=b.closest('table'),i=b.parentNode.cellIndex,d=b.dataset.d==='1'?-1:1;
b.dataset.d=d===1?'1':'0';var rows=[].slice.call(t.tBodies[0].rows),v=function(r){
var c=r.cells[i];return c.dataset.v===undefined?c.textContent:parseFloat(c.dataset.v)};
rows.sort(function(p,q){p=v(p);q=v(q);return(p>q?1:p<q?-1:0)*d});
rows.forEach(function(r){t.tBodies[0].appendChild(r)});
t.querySelectorAll('th').forEach(function(h){h.removeAttribute('aria-sort')});
b.parentNode.setAttribute('aria-sort',d===1?'ascending':'descending')}});
document.querySelectorAll('.gradproof .copy').forEach(function(b){b.onclick=function(){
navigator.clipboard.writeText(b.dataset.text).then(function(){b.textContent='copied'})}});
"""
STYLE += "".join(f".gradproof .s{i}{{fill:var(--c{i})}}" for i in range(len(STEPS) + 1))
