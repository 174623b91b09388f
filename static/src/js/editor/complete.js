/* Proposes what the schema allows at the cursor: names of fields, symbols of an enum, true, false, null, a union's
   branches. While one types, and for Ctrl-Space anywhere. */
import { pickedCompletion, startCompletion } from "@codemirror/autocomplete";
import { jsonLanguage } from "@codemirror/lang-json";

import { nameOf, placeAt } from "./cursor.js";

export function proposals(schema) {
  return jsonLanguage.data.of({ autocomplete: (context) => propose(schema, context) });
}

function propose(schema, context) {
  const place = placeAt(context.state, context.pos);
  if (!place || (!context.explicit && place.from === context.pos)) return null;
  const { type } = schema.find(place.path);
  if (!type) return null;
  const options = place.role === "name" ? names(schema, type, context.state, place) : values(schema, type);
  return options.length ? { from: place.from, to: place.to, options, filter: true, validFor: /^"?[\w.$-]*$/ } : null;
}

function names(schema, type, state, place) {
  const properties = place.object.getChildren("Property");
  const written = properties.map((property) => nameOf(state, property));
  const here = properties.find((property) => property.from <= place.from && place.from < property.to);
  const fields = recordsAt(schema, type, written).flatMap((record) => schema.fields(record));
  const missing = fields.filter((field) => !written.includes(field.name) || field.name === (here && nameOf(state, here)));
  const options = missing.map((field) => fieldOption(schema, field, here?.getChild(":") ?? null));
  const branches = written.filter((name, index) => properties[index] !== here).length ? [] : tagged(schema, type);
  return [...options, ...branches.map((branch) => tagOption(schema, branch, here?.getChild(":") ?? null))];
}

/* The records whose fields fit here: the one that is meant, or those of a union that is written without its branch. */
function recordsAt(schema, type, written) {
  if (type.kind === "record") return [type];
  return schema.branches(type).filter((branch) => {
    const known = schema.fields(branch).map((field) => field.name);
    return branch.kind === "record" && written.some((name) => known.includes(name));
  });
}

const tagged = (schema, type) => schema.branches(type).filter((branch) => branch.kind !== "null");

function fieldOption(schema, field, colon) {
  const quoted = JSON.stringify(field.name);
  return {
    label: quoted,
    type: "property",
    detail: schema.says(field.type),
    info: field.doc || undefined,
    apply: colon ? quoted : put(`${quoted}: `, field.type ? begin(field.type) : ["", ""], field.type),
  };
}

function tagOption(schema, branch, colon) {
  const quoted = JSON.stringify(branch.tag);
  const apply = colon ? quoted : put(`${quoted}: `, begin(branch), branch);
  return { label: quoted, type: "class", detail: "branch", apply };
}

function values(schema, type) {
  const plain = (text, detail) => ({ label: text, type: "constant", detail });
  switch (type.kind) {
    case "boolean":
      return ["true", "false"].map((text) => plain(text, "boolean"));
    case "null":
      return [plain("null", "null")];
    case "enum":
      return type.symbols.map((symbol) => plain(JSON.stringify(symbol), "symbol"));
    case "record":
      return [{ label: "{", displayLabel: "{ … }", type: "class", detail: type.says, apply: put("", ["{", "}"], type) }];
    case "union":
      return schema.branches(type).flatMap((branch) => (branch.kind === "null" ? values(schema, branch) : wrapped(schema, branch)));
    default:
      return [];
  }
}

/* A branch as our JSON writes it: with its name. */
function wrapped(schema, branch) {
  const tag = JSON.stringify(branch.tag);
  const inside = values(schema, branch).filter((option) => option.label !== "{");
  if (inside.length) {
    return inside.map((option) => {
      const text = `{${tag}: ${option.label}}`;
      return { label: text, type: "constant", detail: branch.kind, apply: text };
    });
  }
  const label = `{${tag}: …}`;
  const [open, close] = begin(branch);
  return [{ label, type: "class", detail: "branch", apply: put(`{${tag}: `, [open, `${close}}`], branch) }];
}

/* What a value begins and ends with; one goes on between both. */
function begin(type) {
  switch (type.kind) {
    case "string":
    case "bytes":
    case "fixed":
      return ['"', '"'];
    case "record":
    case "map":
      return ["{", "}"];
    case "array":
      return ["[", "]"];
    default:
      return ["", ""];
  }
}

/* Writes the text and what a value begins with; where there is something to choose, it is proposed at once. */
function put(text, [open, close], type) {
  return (view, completion, from, to) => {
    const before = text + open;
    const selection = { anchor: from + before.length };
    const annotations = pickedCompletion.of(completion);
    view.dispatch({ changes: { from, to, insert: before + close }, selection, annotations, userEvent: "input.complete", scrollIntoView: true });
    if (type && ["boolean", "enum", "union", "record"].includes(type.kind)) startCompletion(view);
  };
}
