// A plane: the output of a network as colours over two inputs, the line between the classes, points that are added by a click and
// dragged, weights with sliders, and gradient descent in the page.
const data = JSON.parse(document.getElementById("data").textContent);
const one = id => document.getElementById(id);
const KINDS = { float64: Float64Array, float32: Float32Array };
const unpacked = ({ type, bytes }) => new KINDS[type](Uint8Array.from(atob(bytes), sign => sign.charCodeAt(0)).buffer);
const begun = data.params.map(param => (param.array ? unpacked(param.array) : [param.value]));
let params = begun.map(array => array.slice()), points = data.points.map(point => point.slice());
const { side, low, high, ylow, yhigh } = data, SIZE = 400;
const canvas = one("heat"), over = one("over"), context = canvas.getContext("2d"), image = context.createImageData(side, side);
const acrossOf = column => low + ((high - low) * column) / (side - 1), upOf = row => yhigh - ((yhigh - ylow) * row) / (side - 1);
const toX = x => ((x - low) / (high - low)) * SIZE, toY = y => ((yhigh - y) / (yhigh - ylow)) * SIZE;
let chosen = 1, cross = [(low + high) / 2, (ylow + yhigh) / 2], losses = [], steps = 0, running = false, inks = null;

const given = (array, shape) => (shape.length ? array : array[0]);
const param = number => given(params[number], data.params[number].shape);
function filled(roles, point) {
  return roles.map(role =>
    typeof role === "number" ? param(role)
      : role === "x" ? point.x : role === "x1" ? point.x[0] : role === "x2" ? point.x[1]
        : data.target.length ? point.x.constructor.of(point.t) : point.t);
}
const Floats = KINDS[data.type];
const grid = new Floats(2 * side * side);
for (let k = 0; k < side * side; k++) [grid[2 * k], grid[2 * k + 1]] = [acrossOf(k % side), upOf(Math.floor(k / side))];

function field() {
  if (data.batch) return compute.field(filled(data.field, { x: grid }))[0];
  return Float64Array.from({ length: side * side }, (_, k) => Number(compute.field(filled(data.field, { x: grid.subarray(2 * k, 2 * k + 2) }))[0]));
}

// The mean loss over the points and its derivative by every parameter.
function slope() {
  const total = params.map(array => new Float64Array(array.length));
  let loss = 0;
  for (const [x, y, t] of points) {
    const found = compute.step(filled(data.step, { x: Floats.of(x, y), t }));
    loss += Number(found[0]?.length ? found[0][0] : found[0]) / points.length;
    data.params.forEach((known, number) => {
      const part = found[1 + number];
      for (let k = 0; k < total[number].length; k++) total[number][k] += (known.shape.length ? part[k] : Number(part)) / points.length;
    });
  }
  return [loss, total];
}

function learn(count) {
  const rate = Math.max(0, Number(one("rate").value) || 0);
  for (let n = 0; n < count && points.length; n++) {
    const [loss, total] = slope();
    if (!Number.isFinite(loss)) return (running = false);
    total.forEach((part, number) => part.forEach((value, k) => (params[number][k] -= rate * value)));
    steps++;
    losses.push(loss);
    if (losses.length > 2000) losses = losses.filter((_, k) => k % 2);
  }
}

function palette() {
  const style = getComputedStyle(document.documentElement);
  const ink = name => [1, 3, 5].map(at => parseInt(style.getPropertyValue(`--${name}`).trim().slice(at, at + 2), 16));
  return { none: ink("bg"), more: ink("forward"), less: ink("back"), bad: ink("bad") };
}

function colour(values) {
  const { none, more, less, bad } = (inks ??= palette());
  for (let k = 0; k < values.length; k++) {
    const away = values[k] - data.level, ok = !Number.isNaN(away), share = ok ? 0.75 * Math.abs(Math.tanh(away)) : 1;
    const to = !ok ? bad : away > 0 ? more : less;
    for (let c = 0; c < 3; c++) image.data[4 * k + c] = none[c] + (to[c] - none[c]) * share;
    image.data[4 * k + 3] = 255;
  }
  context.putImageData(image, 0, 0);
}

// Marching squares: in each cell of the grid a piece of the line on which the output has the level of the boundary.
function boundary(values) {
  let text = "";
  const at = (c, r) => values[r * side + c] - data.level, step = SIZE / (side - 1);
  for (let r = 0; r < side - 1; r++) {
    for (let c = 0; c < side - 1; c++) {
      const corner = [[c, r], [c + 1, r], [c + 1, r + 1], [c, r + 1]], met = [];
      for (let k = 0; k < 4; k++) {
        const a = corner[k], b = corner[(k + 1) % 4], va = at(...a), vb = at(...b);
        if (va > 0 !== vb > 0 && Number.isFinite(va) && Number.isFinite(vb)) {
          const s = va / (va - vb);
          met.push(`${((a[0] + s * (b[0] - a[0])) * step).toFixed(1)} ${((a[1] + s * (b[1] - a[1])) * step).toFixed(1)}`);
        }
      }
      for (let k = 0; k + 1 < met.length; k += 2) text += `M${met[k]}L${met[k + 1]}`;
    }
  }
  one("boundary").setAttribute("d", text);
}

function shape(point, number) {
  const [x, y, t] = point, positive = t > data.middle;
  const element = document.createElementNS("http://www.w3.org/2000/svg", positive ? "circle" : "rect");
  const sizes = positive ? { cx: toX(x), cy: toY(y), r: 6 } : { x: toX(x) - 5.5, y: toY(y) - 5.5, width: 11, height: 11 };
  for (const [key, value] of Object.entries({ ...sizes, class: `point ${positive ? "more" : "less"}`, "data-number": number })) element.setAttribute(key, value);
  return element;
}

function draw() {
  const values = field();
  colour(values);
  boundary(values);
  one("points").replaceChildren(...points.map(shape));
  one("cross").setAttribute("transform", `translate(${toX(cross[0])} ${toY(cross[1])})`);
  params.forEach((array, number) => {
    for (let k = 0; k < array.length; k++) {
      const slider = one(`p${number}-${k}`);
      if (!slider) continue;
      if (Math.abs(array[k]) > slider.max) Object.assign(slider, { min: -2 * Math.abs(array[k]), max: 2 * Math.abs(array[k]) });
      slider.value = array[k];
      one(`o${number}-${k}`).textContent = show(Number(array[k]), data.digits);
    }
  });
  const loss = points.length && data.trains ? slope()[0] : NaN;
  one("told").textContent = `${points.length} points${data.trains && points.length ? `, loss ${show(loss, 3)}` : ""}${steps ? ` after ${steps} steps` : ""}`;
  if (data.trains) {
    const most = Math.max(...losses, 1e-12);
    one("losses").setAttribute("points", losses.map((value, k) => `${((300 * k) / Math.max(1, losses.length - 1)).toFixed(1)},${(78 - (75 * value) / most).toFixed(1)}`).join(" "));
  }
}

const add = (x, y) => (points.push([clamp(x, low, high), clamp(y, ylow, yhigh), data.classes[chosen]]), draw());
function place(event) {
  const box = over.getBoundingClientRect();
  return [low + ((event.clientX - box.left) / box.width) * (high - low), yhigh - ((event.clientY - box.top) / box.height) * (yhigh - ylow)];
}
let held = null;
over.addEventListener("pointerdown", event => {
  const number = event.target.dataset?.number;
  held = number === undefined ? null : Number(number);
  if (held === null) return add(...place(event));
  over.setPointerCapture(event.pointerId);
  event.preventDefault();
});
over.addEventListener("pointermove", event => {
  if (held === null) return;
  const [x, y] = place(event);
  points[held] = [clamp(x, low, high), clamp(y, ylow, yhigh), points[held][2]];
  draw();
});
for (const name of ["pointerup", "pointercancel"]) over.addEventListener(name, () => (held = null));
over.addEventListener("keydown", event => {
  const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] }[event.key];
  if (way) cross = [clamp(cross[0] + (way[0] * (high - low)) / 40, low, high), clamp(cross[1] + (way[1] * (yhigh - ylow)) / 40, ylow, yhigh)];
  else if (event.key === "Enter" || event.key === " ") return event.preventDefault(), add(...cross);
  else return;
  event.preventDefault();
  draw();
});
[0, 1].forEach(number => one(`class${number}`).addEventListener("change", () => (chosen = number)));
one("undo").addEventListener("click", () => (points.pop(), draw()));
one("clear").addEventListener("click", () => ((points = []), draw()));

params.forEach((array, number) => {
  for (let k = 0; k < array.length; k++) {
    const slider = one(`p${number}-${k}`);
    if (!slider) continue;
    const wide = Math.max(5, 2 * Math.abs(array[k])), [least, most] = data.params[number].bounds ?? [-Infinity, Infinity];
    Object.assign(slider, { min: Math.max(least, -wide), max: Math.min(most, wide), step: "any" });
    slider.addEventListener("input", () => ((params[number][k] = Number(slider.value)), draw()));
  }
});

if (data.trains) {
  const toggle = one("train");
  const turn = () => {
    if (!running) return (toggle.textContent = "▶ train"), toggle.setAttribute("aria-pressed", "false");
    const until = performance.now() + 10;
    do learn(1); while (running && points.length && performance.now() < until);
    draw();
    requestAnimationFrame(turn);
  };
  toggle.addEventListener("click", () => {
    running = !running;
    toggle.setAttribute("aria-pressed", String(running));
    toggle.textContent = running ? "❚❚ pause" : "▶ train";
    if (running) turn();
  });
  one("step").addEventListener("click", () => (learn(1), draw()));
  one("again").addEventListener("click", () => {
    running = false;
    [params, losses, steps] = [begun.map(array => array.slice()), [], 0];
    draw();
  });
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => ((inks = null), draw()));
draw();
