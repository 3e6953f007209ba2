// Long pages travel packed, as packing.py says: their text, what the scripts read, and the scripts, which run once all stands there.
const unpack = async packed => {
  const bytes = Uint8Array.from(atob(packed), sign => sign.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const raw = new Uint8Array(await new Response(stream).arrayBuffer());
  let at = 0;
  const next = () => {
    let number = 0, unit = 1, byte;
    do {
      byte = raw[at++];
      number += (byte & 127) * unit;
      unit *= 128;
    } while (byte > 127);
    return number % 2 ? -(number + 1) / 2 : number / 2;
  };
  const column = length => {
    let last = 0;
    return Array.from({ length }, () => (last += next()));
  };
  const size = next(), forms = JSON.parse(new TextDecoder().decode(raw.subarray(at, at + size)));
  at += size;
  const order = column(next()), rows = forms.map(() => []), seen = forms.map(() => 0);
  for (const form of order) rows[form].push([]);
  forms.forEach((form, number) => {
    for (let place = 0; place < form.length - 2; place++) {
      const back = next(), told = back ? [] : column(rows[number].length);
      rows[number].forEach((row, line) => { row.push(back ? row[place - back] + next() : told[line]); });
    }
  });
  const number = (value, decimals) => {
    const text = String(value).padStart(decimals + 1, "0"), point = text.length - decimals;
    return decimals ? `${text.slice(0, point)}.${text.slice(point)}` : text;
  };
  return order.map(form => {
    const pieces = forms[form], decimals = pieces[pieces.length - 1], row = rows[form][seen[form]++];
    return row.reduce((text, value, place) => text + number(value, Number(decimals[place])) + pieces[place + 1], pieces[0]);
  }).join("");
};
const [html, text, script] = await Promise.all(document.getElementById("packed").textContent.split(" ").map(unpack));
document.querySelector("main").innerHTML = html;
document.getElementById("data").textContent = text;
const element = document.createElement("script");
element.textContent = script;
document.body.append(element);
