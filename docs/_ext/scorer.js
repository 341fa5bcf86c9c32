// How the search sorts what it has found: pages about a word before names, and these before pages that
// merely have it; last those that have every word. The numbers are those of Sphinx, but for `objPrio`.
const LAST = ["changes", "contributing", "index", "gallery/index"];
var Scorer = {
  score: ([docname, title, anchor, descr, score]) => score - (LAST.includes(docname) ? 4 : 0),
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 10, 1: 0, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
