// What the theme leaves to be done for keyboards and screen readers: blocks of code can be scrolled by keys, also where there is no
// mouse, and the buttons of each block, which the theme makes a landmark, have a name of their own.
let blocks = 0;
const mend = () => {
  for (const code of document.querySelectorAll("pre > code:not([tabindex])")) code.tabIndex = 0;
  for (const table of document.querySelectorAll(".md-typeset__scrollwrap:not([tabindex])")) {
    if (table.scrollWidth > table.clientWidth) table.tabIndex = 0;
  }
  for (const nav of document.querySelectorAll("nav.md-code__nav:not([aria-label])")) {
    blocks += 1;
    nav.setAttribute("aria-label", `Code block ${blocks}`);
  }
};
const watched = { childList: true, subtree: true, attributes: true, attributeFilter: ["tabindex"] };
new MutationObserver(mend).observe(document.documentElement, watched);
mend();
