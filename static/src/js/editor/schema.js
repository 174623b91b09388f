/* The description of an Avro schema that the page carries (promotion/domain/schema_description.py): a list of types that
   name each other by index, the event's own first. Fields are [name, type, doc, default]. */

export function schemaOf(textarea) {
  const script = document.getElementById(textarea.dataset.schema ?? "");
  const types = script ? JSON.parse(script.textContent) : [];
  return types.length ? new Schema(types) : null;
}

class Schema {
  constructor(types) {
    this.types = types;
    this.root = types[0];
  }

  at(index) {
    return this.types[index] ?? null;
  }

  fields(type) {
    return (type?.fields ?? []).map(([name, index, doc, fallback]) => ({ name, type: this.at(index), doc, default: fallback }));
  }

  branches(type) {
    return type?.kind === "union" ? type.inner.map((index) => this.at(index)).filter(Boolean) : [];
  }

  /* What stands at a path of names and indexes: {type, field}, where `field` is the last record's field on the way.
     A union's value may stand with its branch or without. */
  find(steps) {
    let found = { type: this.root, field: null };
    for (const step of steps) {
      found = this.step(found, step);
      if (!found.type) break;
    }
    return found;
  }

  step({ type, field }, step) {
    if (type.kind === "union") {
      const branches = this.branches(type);
      const named = branches.find((branch) => branch.tag === step);
      if (named) return { type: named, field };
      const inside = branches.map((branch) => this.step({ type: branch, field }, step)).find((each) => each.type);
      return inside ?? { type: null, field: null };
    }
    if (type.kind === "array" && typeof step === "number") return { type: this.at(type.inner[0]), field };
    if (type.kind === "map" && typeof step === "string") return { type: this.at(type.inner[0]), field };
    const next = this.fields(type).find((each) => each.name === step);
    return next ? { type: next.type, field: next } : { type: null, field: null };
  }

  /* What is expected here, for a person. */
  says(type) {
    const logical = type?.logical ?? this.branches(type).find((branch) => branch.logical)?.logical;
    return type ? `${type.says}${logical ? `, ${logical}` : ""}` : "";
  }
}
