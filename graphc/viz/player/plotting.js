// The plot of the outputs against an input, numerical derivatives, and gradient descent.
const against = one("against");
let chart = null, zoom = 1;

function frame() {
  const number = Number(against.value), [low, high] = ends(number, chosen[number]), middle = (low + high) / 2, half = ((high - low) / 2) * zoom;
  return { low: middle - half, high: middle + half, ylow: null, yhigh: null };
}

// The derivative with respect to one number, out of computed values.
function slopeIn(found, number, cell) {
  const slot = data.slopes[number];
  return slot === null ? null : data.inputs[number].array ? found[slot][cell] : found[slot];
}

function attempt(point) {
  try {
    return compute(point);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function draw() {
  if (!chart) return;
  const number = Number(against.value), cell = chosen[number], sloped = data.slopes[number] !== null;
  const none = [...data.outputs, ...(sloped ? [0] : [])].map(() => NaN);
  const curves = x => {
    const found = attempt(withNumber(inputs, number, cell, x));
    if (!found) return none;
    const wanted = data.outputs.map(output => found[output.slot]);
    return sloped ? [...wanted, slopeIn(found, number, cell)] : wanted;
  };
  const x = numberAt(number, cell), name = nameAt(number, cell), slope = sloped ? slopeIn(values, number, cell) : null;
  const points = data.outputs.map(output => [x, values[output.slot]]), y = points[0][1];
  chart.draw(frame(), curves, points, slope === null ? null : [x, y, slope]);
  const parts = data.outputs.map(output => `${output.name} = ${show(values[output.slot], data.digits)}`);
  if (slope !== null) parts.push(say("slope", show(slope, data.digits)));
  chart.put(0, x, y, [`${name} = ${show(x, data.digits)}`, ...parts].join(", "));
  one("slope").textContent = say("at", `${name} = ${show(x, data.digits)}`, parts.join(", "));
}

if (against && compute) {
  chart = new Chart(one("plot"), "");
  chart.svg.dataset.l = "plot_label";
  chart.handle("", (x, y, way) => {
    const number = Number(against.value), cell = chosen[number], { low, high } = chart.frame;
    if (way && way[0] === 0) x = numberAt(number, cell) + (way[1] * (high - low)) / 50;
    change(number, Number(clamp(x, low, high).toPrecision(4)), "", cell);
  });
  chart.handles[0].dot.dataset.l = "point_label";
  against.addEventListener("change", draw);
  addEventListener("resize", draw);
  one("closer").addEventListener("click", () => { zoom /= 1.6; draw(); });
  one("wider").addEventListener("click", () => { zoom *= 1.6; draw(); });
}

// --- numerical derivatives ----------------------------------------------------------------------------------------------

// (f(x + h) − f(x − h))/2h, with the h at which rounding and truncation are about as large.
function numericSlope(number, cell = 0) {
  if (!compute || !data.outputs.length) return null;
  const single = data.inputs[number].single, x = numberAt(number, cell), slot = data.outputs[0].slot;
  const h = (single ? 5e-3 : 6e-6) * Math.max(1, Math.abs(x));
  const [up, down] = [x + h, x - h].map(at => attempt(withNumber(inputs, number, cell, at)));
  return up && down ? (up[slot] - down[slot]) / (2 * h) : null;
}

const CHECKED = 64;

function tellNumeric() {
  for (const place of all(".numeric")) {
    if (place.closest("section").hidden || !compute) continue;
    const number = Number(place.dataset.n), input = data.inputs[number];
    if (data.slopes[number] === null) continue;
    if (!input.array) {
      place.textContent = `${say("numerically")} ${show(numericSlope(number), data.digits + 2)}`;
      continue;
    }
    let most = 0;
    const count = inputs[number].length, every = Math.max(1, Math.floor(count / CHECKED));
    for (let cell = 0; cell < count; cell += every) most = Math.max(most, Math.abs(numericSlope(number, cell) - slopeIn(values, number, cell)));
    place.textContent = `${say("numerically_off")} ${show(most, 2)}`;
  }
}

// --- gradient descent -----------------------------------------------------------------------------------------------------

const descent = one("descent");
const losses = [];
let running = null, lossChart = null;
const LONGEST = 1000;

function trained() {
  return all("[data-train]").filter(box => box.checked).map(box => Number(box.dataset.train));
}

// One step against the gradient; whether there was one.
function descend() {
  const rate = read(one("rate").value);
  if (rate === null || !values) return false;
  const loss = Number(values[data.outputs[0].slot]);
  if (!Number.isFinite(loss) || losses.length > LONGEST) return false;
  if (!losses.length) losses.push(loss);
  const next = inputs.slice();
  for (const number of trained()) {
    const slope = values[data.slopes[number]], [low, high] = data.inputs[number].bounds || [-Infinity, Infinity];
    next[number] = data.inputs[number].array
      ? next[number].map((x, k) => clamp(x - rate * slope[k], low, high))
      : clamp(next[number] - rate * slope, low, high);
  }
  inputs = next;
  showInputs();
  refresh();
  losses.push(Number(values[data.outputs[0].slot]));
  drawLosses();
  return Number.isFinite(losses[losses.length - 1]);
}

function drawLosses() {
  one("loss-plot").hidden = !losses.length;
  if (!losses.length) return;
  const steps = losses.length - 1;
  const curve = k => {
    const at = Math.floor(k), share = k - at;
    return [at < 0 || at > steps ? NaN : share && at < steps ? losses[at] * (1 - share) + losses[at + 1] * share : share ? NaN : losses[at]];
  };
  lossChart.draw({ low: 0, high: Math.max(steps, 10), ylow: null, yhigh: null }, curve, [[steps, losses[steps]]]);
  one("losses").textContent = say("loss_told", steps, show(losses[0], data.digits), show(losses[steps], data.digits));
}

function rest() {
  clearInterval(running);
  running = null;
  one("run").textContent = say("run");
}

if (descent && compute) {
  lossChart = new Chart(one("loss-plot"), "");
  lossChart.svg.dataset.l = "loss_label";
  one("descend").addEventListener("click", () => { rest(); descend(); });
  one("run").addEventListener("click", () => {
    if (running !== null) return rest();
    one("run").textContent = say("stop");
    running = setInterval(() => { if (!descend()) rest(); }, 50);
  });
  one("restart").addEventListener("click", () => {
    rest();
    losses.length = 0;
    drawLosses();
    one("losses").textContent = "";
    inputs = start.slice();
    showInputs();
    refresh();
  });
  addEventListener("resize", drawLosses);
}
