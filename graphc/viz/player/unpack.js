// Long pages travel packed: what belongs to their places is unpacked and put there before anything else runs.
const packed = JSON.parse(document.getElementById("data").textContent).packed;
if (packed) {
  const bytes = Uint8Array.from(atob(packed), sign => sign.charCodeAt(0));
  const parts = await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).json();
  for (const [name, html] of Object.entries(parts)) document.querySelector(`[data-packed=${name}]`).outerHTML = html;
}
