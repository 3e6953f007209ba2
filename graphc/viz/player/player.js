// Steps through a graph, recomputes it as its inputs change, plots it, and checks answers.
const data = JSON.parse(document.getElementById("data").textContent);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const one = id => document.getElementById(id);
const still = matchMedia("(prefers-reduced-motion: reduce)");

const scenes = all("section.step"), last = scenes.length - 1;
const known = new Set();
let step = 0, timer = null, inputs = [], values = null;

// --- values ------------------------------------------------------------------------------------------------------------

function held(kind, text) {
  if (kind === "b") return text === true || text === "True";
  if (kind !== "f") return BigInt(text);
  const value = typeof text === "number" ? text : read(text);
  return value;
}

function evaluate() {
  if (compute) values = compute(inputs.slice());
}

function secret(key) {
  return data.exercise && key && !known.has(key);
}

function fill() {
  for (const place of all("[data-v]")) {
    const key = place.dataset.k, cap = Number(place.dataset.cap || 0);
    let text = secret(key) ? "?" : compute ? show(values[place.dataset.v], data.digits) : place.dataset.text ?? place.textContent;
    if ("b" in place.dataset && text.startsWith("−")) text = `(${text})`;
    if (place.textContent !== text) place.textContent = text;
    place.classList.toggle("alarm", /NaN|∞/.test(text));
    if (cap) place.style.fontSize = text.length > cap ? `${((12 * cap) / text.length).toFixed(1)}px` : "";
  }
  for (const rule of all("[data-rule]")) rule.hidden = secret(rule.dataset.rule) && !rule.dataset.told;
}

// --- steps -------------------------------------------------------------------------------------------------------------

function go(to, from = "") {
  step = clamp(to, 0, last);
  scenes.forEach((scene, number) => { scene.hidden = number !== step; });
  const scene = data.scenes[step];
  const node = scene.node === null ? "" : `n${scene.node}`;
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
  one("step").setAttribute("aria-valuetext", `step ${step} of ${last}: ${scenes[step].querySelector("h2").textContent.trim()}`);
  if (from !== "hash") history.replaceState(null, "", `#step=${step}`);
  reveal(all(".node.active")[0]);
  if (step === last) stop();
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
  one("play").textContent = "Play";
}

function play() {
  if (timer !== null) return stop();
  if (step === last) go(0);
  one("play").textContent = "Pause";
  timer = setInterval(() => go(step + 1), 1600 / Number(one("speed").value));
}

function fromHash() {
  const found = /(?:^#|&)step=(\d{1,6})(?:&|$)/.exec(location.hash);
  go(found ? Number(found[1]) : 0, "hash");
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
  const jump = { ArrowRight: step + 1, ArrowLeft: step - 1, Home: 0, End: last }[event.key];
  if (jump !== undefined) go(jump);
  else if (event.key === " " && !event.target.closest("button")) play();
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

// --- inputs ------------------------------------------------------------------------------------------------------------

const reach = value => (Number.isFinite(value) ? Math.max(5, 2 * Math.abs(value)) : 5);
const ranges = data.inputs.map(input => {
  const value = input.kind === "f" ? read(input.value) : 0, middle = Number.isFinite(value) ? value : 0, wide = reach(middle);
  const [low, high] = input.bounds || [-Infinity, Infinity];
  return [Math.max(low, middle - wide), Math.min(high, middle + wide)];
});

function change(number, value, from = "") {
  inputs[number] = value;
  const field = one(`in${number}`), slider = one(`slide${number}`);
  if (field.type === "checkbox") field.checked = value;
  else if (from !== "field") field.value = typeof value === "number" ? tidy(value) : String(value);
  field.removeAttribute("aria-invalid");
  if (slider && from !== "slider" && Number.isFinite(value)) slider.value = value;
  one("message").textContent = "";
  if (data.exercise) known.clear();
  if (data.exercise) for (const form of all("form.ask")) form.reset();
  refresh();
}

function refresh() {
  evaluate();
  fill();
  draw();
}

data.inputs.forEach((input, number) => {
  const field = one(`in${number}`), slider = one(`slide${number}`);
  inputs[number] = held(input.kind, input.value);
  if (!compute) return;
  if (field.type === "checkbox") field.addEventListener("change", () => change(number, field.checked));
  else field.addEventListener("input", () => {
    const text = field.value.trim().replace(/^[−–]/, "-");
    const value = input.kind === "f" ? read(text) : /^[+-]?\d{1,30}$/.test(text) ? BigInt(text.replace("+", "")) : null;
    if (value !== null) return change(number, value, "field");
    field.setAttribute("aria-invalid", "true");
    one("message").textContent = `“${field.value}” is no number; the last one is kept.`;
  });
  if (!slider) return;
  const [low, high] = ranges[number];
  Object.assign(slider, { min: low, max: high, step: fine(high - low) });
  slider.value = inputs[number];
  slider.addEventListener("input", () => change(number, Number(slider.value), "slider"));
});

// --- the plot ----------------------------------------------------------------------------------------------------------

const against = one("against");
let chart = null, zoom = 1;

function frame() {
  const [low, high] = ranges[Number(against.value)], middle = (low + high) / 2, half = ((high - low) / 2) * zoom;
  return { low: middle - half, high: middle + half, ylow: null, yhigh: null };
}

function draw() {
  if (!chart) return;
  const number = Number(against.value), slope = data.slopes[number];
  const wanted = data.outputs.map(output => output.slot);
  if (slope !== null) wanted.push(slope);
  const curves = x => {
    const point = inputs.slice();
    point[number] = x;
    const found = compute(point);
    return wanted.map(index => found[index]);
  };
  const x = inputs[number], name = data.inputs[number].name;
  const points = data.outputs.map(output => [x, values[output.slot]]), y = points[0][1];
  chart.draw(frame(), curves, points, slope === null ? null : [x, y, values[slope]]);
  const parts = data.outputs.map(output => `${output.name} = ${show(values[output.slot], data.digits)}`);
  if (slope !== null) parts.push(`slope ${show(values[slope], data.digits)}`);
  chart.put(0, x, y, [`${name} = ${show(x, data.digits)}`, ...parts].join(", "));
  one("slope").textContent = `at ${name} = ${show(x, data.digits)}: ${parts.join(", ")}`;
}

if (against && compute) {
  chart = new Chart(one("plot"), "Plot of the output and its derivative");
  chart.handle("The current point: drag it, or press the arrow keys", (x, y, way) => {
    const number = Number(against.value), { low, high } = chart.frame;
    if (way && way[0] === 0) x = inputs[number] + (way[1] * (high - low)) / 50;
    change(number, Number(clamp(x, low, high).toPrecision(4)));
  });
  against.addEventListener("change", draw);
  addEventListener("resize", draw);
  one("closer").addEventListener("click", () => { zoom /= 1.6; draw(); });
  one("wider").addEventListener("click", () => { zoom *= 1.6; draw(); });
}

// --- exercises ---------------------------------------------------------------------------------------------------------

function close(given, truth) {
  if (typeof truth === "boolean") return null;
  truth = Number(truth);
  if (Object.is(given, truth) || given === truth || show(given, data.digits) === show(truth, data.digits)) return true;
  const slack = 0.5 * 10 ** (1 - data.digits); // as exact as what is shown
  return Math.abs(given - truth) <= slack * Math.abs(truth);
}

for (const form of all("form.ask")) {
  const { key, slot } = form.dataset, field = form.querySelector("input"), says = form.querySelector(".says");
  const tell = () => {
    for (const rule of all("[data-rule]")) if (rule.dataset.rule === key) rule.dataset.told = "1";
  };
  form.addEventListener("submit", event => {
    event.preventDefault();
    const truth = values[slot], text = field.value.trim();
    const right = typeof truth === "boolean" ? text.toLowerCase() === String(truth) : read(text) !== null && close(read(text), truth);
    if (right) known.add(key);
    else tell();
    says.className = `says ${right ? "right" : "wrong"}`;
    says.textContent = right ? "✓ right" : form.dataset.hint;
    fill();
  });
  form.querySelector(".reveal").addEventListener("click", () => {
    known.add(key);
    says.className = "says";
    says.textContent = "";
    fill();
  });
  form.addEventListener("reset", () => {
    says.textContent = "";
    for (const rule of all("[data-told]")) delete rule.dataset.told;
  });
}

refresh();
fromHash();
