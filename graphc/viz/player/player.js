// Steps through a graph.
const scenes = all("section.step"), last = scenes.length - 1;
let step = 0, timer = null;

function go(to, from = "") {
  step = clamp(to, 0, last);
  scenes.forEach((scene, number) => { scene.hidden = number !== step; });
  const scene = data.scenes[step];
  const node = scene.node === null ? "" : `n${scene.node}`;
  openFor(node);
  for (const element of all(".node")) element.classList.toggle("active", element.dataset.node === node);
  for (const element of all(".edge")) {
    const used = scene.kind === "forward" || scene.kind === "round" || scene.kind === "backward";
    element.classList.toggle("active", used && element.dataset.head === node);
  }
  for (const text of all("svg [data-at]")) {
    text.classList.toggle("on", Number(text.dataset.at) <= step);
    text.classList.toggle("new", Number(text.dataset.at) === step && step > 0);
  }
  one("back").disabled = one("first").disabled = step === 0;
  one("next").disabled = one("last").disabled = step === last;
  one("where").value = `${step} / ${last}`;
  one("step").value = step;
  one("step").setAttribute("aria-valuetext", `${say("step_of", step, last)}: ${scenes[step].querySelector("h2").textContent.trim()}`);
  for (const place of shown) if (place.form && place.section && !place.section.hidden) fillArray(place);
  tellNumeric();
  if (from !== "hash") remember(true);
  reveal(all("svg.picture:not(.closed) .node.active")[0]);
  if (step === last) stop();
  if (step === last && !data.exercise) report(1, true);
}

// Brings a node into the part of a large picture that is seen, without moving the page.
function reveal(node) {
  const frame = document.querySelector(".scroll");
  if (!node || (frame.scrollWidth <= frame.clientWidth && frame.scrollHeight <= frame.clientHeight)) return;
  const box = node.getBoundingClientRect(), outer = frame.getBoundingClientRect();
  const left = frame.scrollLeft + box.left + box.width / 2 - outer.left - outer.width / 2;
  const top = frame.scrollTop + box.top + box.height / 2 - outer.top - outer.height / 2;
  frame.scrollTo({ left, top, behavior: still.matches ? "auto" : "smooth" });
}

function stop() {
  clearInterval(timer);
  timer = null;
  one("play").textContent = say("play");
}

function play() {
  if (timer !== null) return stop();
  if (step === last) go(0);
  one("play").textContent = say("pause");
  timer = setInterval(() => go(step + 1), 1600 / Number(one("speed").value));
}

one("first").addEventListener("click", () => go(0));
one("back").addEventListener("click", () => go(step - 1));
one("next").addEventListener("click", () => go(step + 1));
one("last").addEventListener("click", () => go(last));
one("play").addEventListener("click", play);
one("step").addEventListener("input", () => go(Number(one("step").value)));
one("speed").addEventListener("change", () => { if (timer !== null) { stop(); play(); } });
addEventListener("hashchange", fromHash);
addEventListener("keydown", event => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest("input, select, textarea, [role=slider]")) return;
  const jump = { ArrowRight: step + 1, ArrowLeft: step - 1, PageDown: step + 1, PageUp: step - 1, Home: 0, End: last }[event.key];
  if (jump !== undefined) go(jump);
  else if (event.key === " " && !event.target.closest("button, .node")) play();
  else if (event.key === "b" || event.key === ".") black();
  else if (event.key === "f") full();
  else if (event.key === "l") large();
  else return;
  event.preventDefault();
});
// A click goes to the step of a node in the pass that is shown, a second one to its step in the other pass.
for (const node of all(".node[data-scene]")) {
  const jump = () => {
    const forward = Number(node.dataset.scene), back = Number(node.dataset.back ?? node.dataset.scene);
    const now = ["backward", "gradient"].includes(data.scenes[step].kind) ? back : forward;
    go(now !== step ? now : now === back ? forward : back);
  };
  node.addEventListener("click", jump);
  node.addEventListener("keydown", event => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    jump();
  });
}

spoken.push(() => {
  one("language").value = language;
  one("play").textContent = say(timer === null ? "play" : "pause");
  if (descent) one("run").textContent = say(running === null ? "run" : "stop");
  tellScore();
});
