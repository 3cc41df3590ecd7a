// Classes for the structs of a schema, on top of @tars/stream: what tars2node would write, made at run time.
//
// As there, every field is written, defaults too.
"use strict";

const Tars = require("@tars/stream");

/** The class of each struct by its name. */
function classes(schema) {
  const made = {};
  for (const struct of Object.values(schema.structs)) made[struct.name] = structClass(struct, schema, made);
  return made;
}

function structClass({ name, fields, key }, schema, made) {
  const codecs = fields.map((field) => ({ ...field, ...codec(field.type, schema, made) }));

  class Value {
    constructor() {
      for (const { name, fallback, initial } of codecs) this[name] = fallback ?? initial();
    }
    static _classname = `${schema.module}.${name}`;
    get _classname() {
      return Value._classname;
    }
    static _write = (os, tag, value) => os.writeStruct(tag, value);
    static _read = (is, tag) => is.readStruct(tag, true, Value);
    static _readFrom(is) {
      const value = new Value();
      for (const { tag, required, name, read } of codecs) value[name] = read(is, tag, required, value[name]);
      return value;
    }
    _writeTo(os) {
      for (const { tag, name, write } of codecs) write(os, tag, this[name]);
    }
  }
  if (key.length > 0) {
    // Such a struct can be a key of a map, and these are how @tars/stream knows.
    Value.prototype._equal = function (other) {
      return key.every((name) => this[name] === other[name]);
    };
    Value.prototype._genKey = function () {
      return JSON.stringify(key.map((name) => this[name]));
    };
  }
  return Value;
}

/**
 * How a field of a type (of a schema, with these classes) is read, written and begun, and what stands for the type in a
 * container. `write` and `readNamed` also take a UniAttribute, with a name in place of the tag.
 */
function codec(type, schema, made) {
  const [first, second] = type.of;
  if (schema.enums[type.name]) return scalar("Int32", 0, Tars.Enum);
  if (SCALARS[type.name]) return scalar(...SCALARS[type.name]);
  if (made[type.name]) return compound("Struct", made[type.name], () => new made[type.name]());
  if (type.name === "vector" && first.name === "byte") {
    return compound("Bytes", Tars.BinBuffer, () => new Tars.BinBuffer());
  }
  const element = (type) => codec(type, schema, made).prototype;
  if (type.name === "vector") return compound("List", Tars.List(element(first)), () => Tars.List(element(first)));
  if (type.name === "map") {
    const map = () => Tars.Map(element(first), element(second));
    return compound("Map", map(), map);
  }
  throw new Error(`no type ${type.name} before this line`);
}

function scalar(method, zero, prototype = Tars[method]) {
  // Longs as texts: as numbers, they would lose what is beyond 2^53.
  const exact = method === "Int64";
  return {
    prototype,
    initial: () => zero,
    read: (is, tag, required, fallback) => is["read" + method](tag, required, fallback, exact),
    readNamed: (attributes, name) => attributes["read" + method](name, undefined, exact),
    write: (os, tag, value) => os["write" + method](tag, value, exact),
  };
}

function compound(method, prototype, initial) {
  return {
    prototype,
    initial,
    read: (is, tag, required) => is["read" + method](tag, required, prototype),
    // Bytes have no type there, only a default, which is not used for what is required.
    readNamed: (attributes, name) => attributes["read" + method](name, prototype),
    write: (os, tag, value) => os["write" + method](tag, value),
  };
}

const SCALARS = {
  bool: ["Boolean", false],
  byte: ["Int8", 0],
  "unsigned byte": ["UInt8", 0],
  short: ["Int16", 0],
  "unsigned short": ["UInt16", 0],
  int: ["Int32", 0],
  "unsigned int": ["UInt32", 0],
  long: ["Int64", 0],
  float: ["Float", 0],
  double: ["Double", 0],
  string: ["String", ""],
};

module.exports = { classes, codec };
