// The page begins: its language, its values, and the step that its address names.
const first_language = preferred();
showInputs();
refresh();
speak(first_language);
data.inputs.forEach((input, number) => { if (compute && input.array && input.form) choose(number, 0); });
fromHash();
map();
if (one("link")) one("link").value = location.href;
if (data.exercise) tellScore();
