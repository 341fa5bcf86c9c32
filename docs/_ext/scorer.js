// How the search sorts what it has found: pages with the word in their own title, in another heading,
// names, pages that merely have it; last those that have every word. The numbers are Sphinx's, but for
// `objPrio`.
const LAST = ["changes", "contributing", "index", "gallery/index"];
const SOUGHT = (new URLSearchParams(window.location.search).get("q") || "").trim().toLowerCase();
var Scorer = {
  score: ([docname, title, anchor, descr, score]) =>
    score + (title.toLowerCase().includes(SOUGHT) ? 3 : 0) - (LAST.includes(docname) ? 4 : 0),
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 10, 1: 0, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
