// Random values of the structs of a schema, the same ones for the same seed.
//
// They avoid what @tars/stream does differently (see docs/tars-codec.md): no float is zero, no key
// of a map is a negative integer or a bool, and no long in a container is beyond 2^53. Maps are filled in the
// order of their keys, because @tars/stream writes them as they were filled.
"use strict";

const Tars = require("@tars/stream");
const { codec } = require("./stream");

/** A value of the struct with that name. */
function random(schema, made, name, seed) {
  const next = generator(seed);
  const below = (bound) => Math.floor(next() * bound);
  const times = (most, item) => Array.from({ length: below(most + 1) }, item);
  // Shifted, so that all widths come up.
  const unsigned = (bits) => (BigInt(below(2 ** 32)) << 32n | BigInt(below(2 ** 32))) >> BigInt(64 - bits + below(bits));
  const signed = (bits) => BigInt.asIntN(bits, unsigned(bits)) * (below(2) ? 1n : -1n);

  const scalars = {
    bool: () => below(2) === 1,
    byte: () => Number(BigInt.asIntN(8, signed(8))),
    "unsigned byte": () => Number(unsigned(8)),
    short: () => Number(BigInt.asIntN(16, signed(16))),
    "unsigned short": () => Number(unsigned(16)),
    int: () => Number(BigInt.asIntN(32, signed(32))),
    "unsigned int": () => Number(unsigned(32)),
    long: () => Number(signed(54)),
    float: () => Math.fround((next() - 0.5) * 10 ** below(30)) || 1,
    double: () => (next() - 0.5) * 10 ** below(300) || 1,
    string: () => times(below(5) ? 9 : 300, () => LETTERS[below(LETTERS.length)]).join(""),
  };
  const keys = {
    string: () => String.fromCharCode(...Array.from({ length: 1 + below(5) }, () => 97 + below(26))),
    int: () => Number(unsigned(31)),
  };

  function value(type) {
    const [first, second] = type.of;
    if (scalars[type.name]) return scalars[type.name]();
    if (schema.structs[type.name]) return struct(type.name);
    if (schema.enums[type.name]) {
      const members = Object.values(schema.enums[type.name]);
      return members[below(members.length)];
    }
    const container = codec(type, schema, made).initial();
    if (container instanceof Tars.BinBuffer) {
      container.writeNodeBuffer(Buffer.from(times(300, () => below(256))));
    } else if (type.name === "vector") {
      times(9, () => container.push(value(first)));
    } else {
      const names = schema.structs[first.name]?.key;
      const filled = times(9, keys[first.name] ?? (() => value(first)));
      filled.sort((a, b) => (names ? byFields(names, a, b) : compare(a, b)));
      filled.forEach((key) => container.set(key, value(second)));
    }
    return container;
  }

  function struct(name) {
    const filled = new made[name]();
    for (const { name: field, type } of schema.structs[name].fields) {
      filled[field] = type.name === "long" ? String(BigInt.asIntN(64, signed(64))) : value(type);
    }
    return filled;
  }

  return struct(name);
}

/** Numbers from 0 to 1: mulberry32, which is short and needs no state but a number. */
function generator(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Texts by their bytes, as Rust and C++ do. */
function compare(a, b) {
  return typeof a === "string" ? Buffer.compare(Buffer.from(a), Buffer.from(b)) : a - b;
}

function byFields(names, a, b) {
  return names.reduce((order, name) => order || compare(a[name], b[name]), 0);
}

const LETTERS = ["a", "Z", "0", " ", "\0", "\n", '"', "é", "中", "🦀"];

module.exports = { random };
