// The page begins: its language, its values, and the step that its address names.
const first_language = preferred();
showInputs();
refresh();
speak(first_language);
fromHash();
map();
if (data.exercise) tellScore();
