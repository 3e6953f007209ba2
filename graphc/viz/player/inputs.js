// The inputs: typed, dragged, element by element; and what depends on them.
const reach = value => (Number.isFinite(value) ? Math.max(5, 2 * Math.abs(value)) : 5);
const chosen = data.inputs.map(() => 0);

const numberAt = (number, cell) => (data.inputs[number].array ? inputs[number][cell] : inputs[number]);
const nameAt = (number, cell) => (data.inputs[number].array ? named(data.inputs[number].slot, cell) : data.inputs[number].name);

// The ends of a slider, which stay where they are while it is dragged.
function ends(number, cell) {
  const input = data.inputs[number], begun = input.array ? start[number][cell] : start[number];
  const value = Number(begun), middle = Number.isFinite(value) ? value : 0, wide = reach(middle);
  const [low, high] = input.bounds || [-Infinity, Infinity];
  return [Math.max(low, middle - wide), Math.min(high, middle + wide)];
}

// The inputs with one number changed.
function withNumber(point, number, cell, value) {
  const other = point.slice();
  if (data.inputs[number].array) {
    other[number] = other[number].slice();
    other[number][cell] = value;
  } else other[number] = value;
  return other;
}

function kept(number, value) {
  return data.inputs[number].kind === "f" ? Number(value) : data.inputs[number].array?.type === "bool" ? Number(value) : value;
}

function change(number, value, from = "", cell = 0) {
  inputs = withNumber(inputs, number, cell, kept(number, value));
  showInput(number, from, cell);
  if (data.exercise) forget();
  refresh();
}

// What the fields of the inputs show.
function showInputs() {
  data.inputs.forEach((input, number) => {
    if (!compute || (input.array && !input.form)) return;
    if (input.form === "matrix") for (let cell = 0; cell < inputs[number].length; cell++) showInput(number, "", cell);
    if (one(`slide${number}`)) range_(one(`slide${number}`), number, chosen[number]);
    showInput(number);
  });
}

function showInput(number, from = "", cell = chosen[number]) {
  const input = data.inputs[number];
  const field = input.form === "matrix" ? one(`in${number}_${cell}`) : one(`in${number}`), slider = one(`slide${number}`);
  const value = numberAt(number, cell);
  if (field.type === "checkbox") field.checked = Boolean(value);
  else if (from !== "field") field.value = typeof value === "number" ? tidy(value, input.form === "matrix" ? 4 : 6) : String(value);
  field.removeAttribute("aria-invalid");
  if (input.array) {
    const told = one(`cell${number}`);
    if (told) told.textContent = nameAt(number, cell);
    slider?.setAttribute("aria-label", say("slider", nameAt(number, cell)));
  }
  if (slider && from !== "slider" && Number.isFinite(Number(value))) slider.value = value;
}

// Chooses the element of an array that the slider moves.
function choose(number, cell) {
  chosen[number] = cell;
  const slider = one(`slide${number}`);
  if (slider) range_(slider, number, cell);
  if (compute) showInput(number, "", cell);
  const place = one(`place${number}`);
  if (place && document.activeElement !== place) place.value = indexOf(cell, data.inputs[number].array.shape).join(", ");
  const option = against?.querySelector(`option[value="${number}"]`);
  if (option) option.textContent = nameAt(number, cell);
  if (against && Number(against.value) === number) draw();
}

function range_(slider, number, cell) {
  const [low, high] = ends(number, cell);
  Object.assign(slider, { min: low, max: high, step: fine(high - low) });
  slider.value = numberAt(number, cell);
}

const slow = { cost: 0, timer: null };

// Computes and shows everything; what takes longer than a frame may is drawn when the hand rests, but the first time at once.
function refresh() {
  const first = slow.timer === null, begun = performance.now();
  evaluate();
  slow.cost = 0.7 * slow.cost + 0.3 * (performance.now() - begun);
  fill();
  tellInputs();
  clearTimeout(slow.timer);
  slow.timer = 0;
  if (first || slow.cost < 0.05) after();
  else slow.timer = setTimeout(after, 120);
}

function after() {
  tellElement();
  tellNumeric();
  draw();
  remember();
}

// The heat maps of inputs.
function tellInputs() {
  for (const box of inputMaps) showArray(box.box, inputs[box.number], data.inputs[box.number].array.shape, { form: "heat" });
}

const inputMaps = all(".inputs .holds").map(box => ({ box, number: Number(box.dataset.n) }));

function typed(number, field, cell) {
  const input = data.inputs[number], text = field.value.trim().replace(/^[−–]/, "-");
  const value = input.kind === "f" ? read(text) : /^[+-]?\d{1,30}$/.test(text) ? BigInt(text.replace("+", "")) : null;
  if (value !== null) {
    problem("");
    return change(number, input.array && input.kind !== "f" && !input.array.type.endsWith("64") ? Number(value) : value, "field", cell);
  }
  field.setAttribute("aria-invalid", "true");
  problem(say("no_number", field.value));
}

data.inputs.forEach((input, number) => {
  const slider = one(`slide${number}`);
  if (!compute || (input.array && !input.form)) return;
  if (input.form === "matrix") {
    for (const field of all(`[data-cell="${number}"]`)) {
      const cell = Number(field.dataset.i);
      field.addEventListener("focus", () => { choose(number, cell); });
      field.addEventListener("input", () => { typed(number, field, cell); });
    }
  } else {
    const field = one(`in${number}`);
    if (field.type === "checkbox") field.addEventListener("change", () => change(number, field.checked));
    else field.addEventListener("input", () => typed(number, field, chosen[number]));
  }
  const place = one(`place${number}`);
  if (place) place.addEventListener("input", () => {
    const shape = input.array.shape, index = place.value.split(/[,;\s]+/).filter(Boolean).map(Number);
    const fits = index.length === shape.length && index.every((at, k) => Number.isInteger(at) && at >= 0 && at < shape[k]);
    place.setAttribute("aria-invalid", String(!fits));
    if (fits) choose(number, flatOf(index, shape));
  });
  slider?.addEventListener("input", () => change(number, Number(slider.value), "slider", chosen[number]));
});
