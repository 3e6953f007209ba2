// The page's words in the reader's language. English stands in the page; what has a key is written anew.
const words = data.words;
let language = "en";

function say(key, ...parts) {
  const text = words[language][key] ?? words.en[key] ?? key;
  return text.replace(/\{(\d)\}/g, (_, place) => parts[place] ?? "");
}

function speak(name) {
  if (!Object.hasOwn(words, name)) return;
  language = name;
  document.documentElement.lang = name;
  document.documentElement.dir = words[name].direction;
  for (const element of all("[data-t]")) element.textContent = say(element.dataset.t, ...JSON.parse(element.dataset.a ?? "[]"));
  for (const element of all("[data-l]")) element.setAttribute("aria-label", say(element.dataset.l, ...JSON.parse(element.dataset.la ?? "[]")));
  for (const element of all("[data-p]")) element.placeholder = say(element.dataset.p);
  for (const then of spoken) then();
}

const spoken = [];

function preferred() {
  const asked = /(?:^#|&)lang=([a-z]{2,3})(?:&|$)/.exec(location.hash);
  const list = [...(asked ? [asked[1]] : []), ...navigator.languages.map(each => each.slice(0, 2).toLowerCase()), "en"];
  return list.find(each => Object.hasOwn(words, each)) ?? "en";
}
