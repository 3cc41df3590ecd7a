// Reads a .tars file, as far as a comparison needs it.
//
// It understands one module of enums and structs with all types, defaults and keys, interfaces, and comments. It does
// not understand includes, consts, arrays and lengths (`int a[3]`, `string:20`), and checks nothing that the compiler
// checks: an unknown construct is an exception. It deliberately shares no code with that compiler.
"use strict";

/**
 * `{ module, enums: {NAME: {MEMBER: number}}, structs: {NAME: {name, fields: [{tag, required, type, name, fallback}], key}},
 * interfaces: {NAME: {FUNCTION: {result: type, parameters: [{isOut, type, name}]}}} }`,
 * where a type is `{name, of: [type]}`: `{name: "map", of: [{name: "string", of: []}, ...]}`.
 */
function parse(source) {
  const tokens = source.replace(COMMENT, " ").match(TOKEN);
  const schema = { enums: {}, structs: {}, interfaces: {} };

  const peek = () => tokens[0];
  const take = () => tokens.shift();
  const accept = (token) => peek() === token && take();
  const expect = (token) => {
    if (!accept(token)) throw new Error(`expected ${token} before ${tokens.slice(0, 5).join(" ")}`);
  };
  const list = (end, item) => {
    const items = [];
    while (!accept(end)) items.push(item());
    return items;
  };

  function type() {
    const name = accept("unsigned") ? `unsigned ${take()}` : take();
    const of = [];
    if (accept("<")) {
      do of.push(type());
      while (accept(","));
      expect(">");
    }
    return { name, of };
  }

  function value() {
    const token = take();
    if (token.startsWith('"')) return JSON.parse(token);
    if (token === "true" || token === "false") return token === "true";
    for (const members of Object.values(schema.enums)) if (token in members) return members[token];
    const negative = token.startsWith("-");
    const number = Number(negative ? token.slice(1) : token);
    if (Number.isNaN(number)) throw new Error(`what is ${token}?`);
    return negative ? -number : number;
  }

  function field() {
    const read = { tag: Number(take()), required: take() === "require", type: type(), name: take() };
    if (accept("=")) read.fallback = value();
    expect(";");
    return read;
  }

  const items = {
    enum() {
      const members = (schema.enums[take()] = {});
      let next = 0;
      expect("{");
      list("}", () => {
        const name = take();
        members[name] = accept("=") ? value() : next;
        next = members[name] + 1;
        accept(",");
      });
    },
    struct() {
      const name = take();
      expect("{");
      schema.structs[name] = { name, fields: list("}", field), key: [] };
    },
    key() {
      expect("[");
      const struct = schema.structs[take()];
      struct.key = list("]", () => {
        expect(",");
        return take();
      });
    },
    interface() {
      const functions = (schema.interfaces[take()] = {});
      expect("{");
      list("}", () => {
        const result = type();
        const read = (functions[take()] = { result });
        expect("(");
        read.parameters = list(")", () => {
          const parameter = { isOut: Boolean(accept("out")), type: type(), name: take() };
          accept(",");
          return parameter;
        });
        expect(";");
      });
    },
  };

  expect("module");
  schema.module = take();
  expect("{");
  list("}", () => {
    const keyword = take();
    if (!items[keyword]) throw new Error(`no ${keyword} is understood here`);
    items[keyword]();
    expect(";");
  });
  expect(";");
  if (tokens.length > 0) throw new Error("only one module is understood");
  return schema;
}

const COMMENT = /\/\*[^]*?\*\/|\/\/.*/g;
const TOKEN = /"(?:\\.|[^"\\])*"|-?\w+(?:\.\w+)?|\S/g;

module.exports = { parse };
