// Plots whose points are dragged and whose symbols have sliders: whatever moves, everything is drawn again.
const data = JSON.parse(document.getElementById("data").textContent);
const one = id => document.getElementById(id);
const inputs = data.inputs.map(input => (input.kind === "f" ? read(input.value) : input.kind === "b" ? input.value === "True" : BigInt(input.value)));

function limited(number, value) {
  const [low, high] = data.inputs[number].bounds || [-Infinity, Infinity];
  return clamp(Number(value.toPrecision(4)), low, high);
}

const charts = data.plots.map((plot, number) => {
  const chart = new Chart(one(`plot${number}`), plot.label);
  chart.moving = plot.handles.filter(handle => handle.across !== null || handle.up !== null);
  chart.marks = plot.handles.filter(handle => handle.across === null && handle.up === null);
  for (const handle of chart.moving) {
    chart.handle(handle.label, (x, y, way) => {
      const { low, high, ylow, yhigh } = chart.frame;
      if (handle.across !== null && !(way && way[0] === 0)) inputs[handle.across] = limited(handle.across, clamp(x, low, high));
      if (handle.up !== null && !(way && way[1] === 0)) inputs[handle.up] = limited(handle.up, clamp(y, ylow, yhigh));
      draw();
    });
  }
  return chart;
});

function draw() {
  const values = compute(inputs.slice());
  charts.forEach((chart, number) => {
    const plot = data.plots[number];
    const curves = x => {
      const point = inputs.slice();
      point[plot.over] = x;
      const found = compute(point);
      return plot.curves.map(slot => Number(found[slot]));
    };
    const at = handle => [Number(values[handle.x]), Number(values[handle.y])];
    chart.draw(plot, curves, chart.marks.map(at));
    chart.moving.forEach((handle, place) => {
      const [x, y] = at(handle);
      chart.put(place, x, y, `${show(x, data.digits)}, ${show(y, data.digits)}`);
    });
  });
  for (const number of data.sliders) {
    one(`slide${number}`).value = inputs[number];
    one(`out${number}`).value = show(inputs[number], data.digits);
  }
}

for (const number of data.sliders) {
  const slider = one(`slide${number}`), start = inputs[number], wide = Math.max(5, 2 * Math.abs(start));
  const [least, most] = data.inputs[number].bounds || [-Infinity, Infinity];
  const low = Math.max(least, start - wide), high = Math.min(most, start + wide);
  Object.assign(slider, { min: low, max: high, step: fine(high - low) });
  slider.addEventListener("input", () => {
    inputs[number] = Number(slider.value);
    draw();
  });
}
addEventListener("resize", draw);
draw();
