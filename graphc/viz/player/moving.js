// A picture that is larger than its frame: enlarged, moved by hand, searched, and seen as a whole in a small map.
const scroller = document.querySelector(".scroll"), pictures = all("svg.picture", scroller), frames = one("frames");
let drawing = pictures[0], scale = 1;

// Shows the picture in which a frame is open.
function openFrame(number) {
  if (pictures[number] === drawing) return;
  drawing = pictures[number];
  pictures.forEach(picture => picture.classList.toggle("closed", picture !== drawing));
  drawing.style.setProperty("--z", scale);
  drawing.classList.toggle("zoomed", scale !== 1);
  frames.value = String(number);
  small.replaceChildren();
  fill();
  map();
}

// Shows a picture in which a node is, or the frame that it is in: the one that is seen, if it is.
function openFor(node) {
  const has = picture => picture.querySelector(`.node[data-node="${node}"]`);
  if (!node || has(drawing)) return;
  const found = pictures.findIndex(has);
  if (found >= 0) openFrame(found);
}

if (frames) frames.addEventListener("change", () => openFrame(Number(frames.value)));
for (const block of all("[data-open]")) {
  block.addEventListener("click", () => openFrame(Number(block.dataset.open)));
  block.addEventListener("keydown", event => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    openFrame(Number(block.dataset.open));
    frames.focus();
  });
}

function enlarge(factor) {
  scale = factor ? clamp(scale * factor, 0.25, 6) : 1;
  drawing.style.setProperty("--z", scale);
  drawing.classList.toggle("zoomed", scale !== 1);
  map();
}

one("nearer").addEventListener("click", () => enlarge(1.25));
one("farther").addEventListener("click", () => enlarge(0.8));
one("whole").addEventListener("click", () => enlarge(0));
scroller.addEventListener("wheel", event => {
  if (!event.ctrlKey) return;
  event.preventDefault();
  enlarge(event.deltaY < 0 ? 1.1 : 1 / 1.1);
}, { passive: false });

let hand = null;
scroller.addEventListener("pointerdown", event => {
  if (event.button || event.pointerType === "touch" || event.target.closest(".node, .holds")) return;
  hand = { x: event.clientX + scroller.scrollLeft, y: event.clientY + scroller.scrollTop };
  scroller.classList.add("moving");
});
addEventListener("pointermove", event => {
  if (hand) scroller.scrollTo(hand.x - event.clientX, hand.y - event.clientY);
});
addEventListener("pointerup", () => {
  hand = null;
  scroller.classList.remove("moving");
});

// The small map: a box for each node, and the part that is seen.
const small = one("map");

function map() {
  if (!drawing) return;
  const over = scroller.scrollWidth > scroller.clientWidth + 2 || scroller.scrollHeight > scroller.clientHeight + 2;
  small.toggleAttribute("hidden", !over);
  if (!over) return;
  const [, , width, height] = drawing.getAttribute("viewBox").split(" ").map(Number);
  if (!small.firstChild) {
    small.setAttribute("viewBox", `0 0 ${width} ${height}`);
    for (const node of all(".node", drawing)) {
      const box = node.getBBox();
      make("rect", { x: box.x, y: box.y, width: box.width, height: box.height, rx: 4, class: node.getAttribute("class") }, small);
    }
    make("rect", { class: "seen" }, small);
  }
  const unit = drawing.getBoundingClientRect().width / width, seen = small.querySelector(".seen");
  const look = { x: scroller.scrollLeft / unit, y: scroller.scrollTop / unit, width: Math.min(width, scroller.clientWidth / unit), height: Math.min(height, scroller.clientHeight / unit) };
  for (const [name, value] of Object.entries(look)) seen.setAttribute(name, value);
}

scroller.addEventListener("scroll", map);
addEventListener("resize", map);
small.addEventListener("pointerdown", event => {
  const box = small.getBoundingClientRect();
  const x = ((event.clientX - box.left) / box.width) * scroller.scrollWidth, y = ((event.clientY - box.top) / box.height) * scroller.scrollHeight;
  scroller.scrollTo(x - scroller.clientWidth / 2, y - scroller.clientHeight / 2);
});

// Search: the first node whose name or label begins with what is typed, then those that hold it.
const findField = one("find");
let foundAt = -1;

function find(next) {
  const text = findField.value.trim().toLowerCase(), nodes = all(".node[data-node]", scroller);
  const labels = nodes.map(node => (node.getAttribute("aria-label") ?? node.textContent).toLowerCase());
  const hits = [...nodes.keys()].filter(k => text && labels[k].includes(text)).sort((a, b) => !labels[a].startsWith(text) - !labels[b].startsWith(text));
  for (const node of nodes) node.classList.remove("found");
  foundAt = hits.length ? (next ? foundAt + 1 : 0) % hits.length : -1;
  if (foundAt < 0) return;
  nodes[hits[foundAt]].classList.add("found");
  openFrame(pictures.indexOf(nodes[hits[foundAt]].closest("svg.picture")));
  reveal(nodes[hits[foundAt]]);
}

findField.addEventListener("input", () => find(false));
findField.addEventListener("keydown", event => { if (event.key === "Enter") find(true); });
