/* Marks in the editor: where the text is no JSON, at once, and what the server says of it, a moment later. */
import { json } from "@codemirror/lang-json";
import { linter } from "@codemirror/lint";
import { EditorState } from "@codemirror/state";

import { locate, tree } from "./paths.js";

const DELAY_MS = 250;
const MOST_MARKS = 20;

/* `problems` are those of `text`, which the page was sent with: whoever types at once must not have it taken for that.
   `check` asks the server, null where nobody can be asked. `onFound` gets the marks, the state, the server's problems
   (null: nobody knows them), and its answer. */
export function lint(text, problems, check, onFound) {
  const first = EditorState.create({ doc: text, extensions: json() });
  const sent = { doc: first.doc, marks: problems.map((problem) => remember(first, problem)) };
  return linter(async (view) => {
    const { state } = view;
    const syntax = syntaxMarks(state);
    if (syntax.length) return tell(syntax, state, null);
    if (!check || state.doc.eq(sent.doc)) return tell(stillThere(state, sent.marks), state, problems);
    const answer = await check(state.doc.toString());
    if (view.state.doc !== state.doc) return [];
    const found = (answer?.problems ?? []).map((problem) => ({ ...locate(state, problem.path), severity: "error", message: problem.message }));
    return tell(found, state, answer?.problems ?? null, answer);
  }, { delay: DELAY_MS });

  function tell(found, state, said, answer) {
    onFound(found, state, said, answer);
    return found;
  }
}

/* JSON.parse decides, the syntax tree says where: browsers do not agree on giving a position. */
function syntaxMarks(state) {
  const text = state.doc.toString();
  try {
    JSON.parse(text);
    return [];
  } catch (error) {
    const places = errorNodes(state);
    const first = places[0] ?? parserPosition(error.message, text.length);
    return (places.length ? places : [first]).map(({ from, to }) => ({
      from, to, severity: "error", message: `This is not valid JSON: ${describe(error.message)}`,
    }));
  }
}

function errorNodes(state) {
  const found = [];
  tree(state).iterate({
    enter: ({ type, from, to }) => {
      if (type.isError && found.length < MOST_MARKS) found.push({ from: Math.min(from, state.doc.length), to });
    },
  });
  return found;
}

function parserPosition(message, length) {
  const at = Math.min(Number(/position (\d+)/.exec(message)?.[1] ?? length), length);
  return { from: at, to: at };
}

/* V8 quotes a piece of the text, which is on the screen anyway. */
function describe(message) {
  const cut = message.replace(/,? ?(\.\.\.)?".*" is not valid JSON$/s, "").replace(/( in JSON)? at position.*$/s, "");
  return `${cut}.`;
}

/* A mark of the server goes when the value under it changes: only the server can say whether it is right now. */
function remember(state, problem) {
  const { from, to } = locate(state, problem.path ?? []);
  return { ...problem, text: state.sliceDoc(from, to) };
}

function stillThere(state, marks) {
  return marks.flatMap(({ path, message, text }) => {
    const { from, to } = locate(state, path ?? []);
    return state.sliceDoc(from, to) === text ? [{ from, to, severity: "error", message }] : [];
  });
}
